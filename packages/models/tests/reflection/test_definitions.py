"""Classes and plain tables."""

from __future__ import annotations

from .databases import written


async def test_a_class() -> None:
    text = await written("CREATE TABLE flights (id VARCHAR PRIMARY KEY); COMMENT ON TABLE flights IS 'all'")
    assert text.endswith('''

class Flight(Base):
    """A row of the table flights."""

    __tablename__ = "flights"
    __table_args__ = ({"comment": "all"},)

    id: Mapped[str] = mapped_column(primary_key=True)
''')


async def test_a_view() -> None:
    text = await written(
        "CREATE TABLE a (id VARCHAR PRIMARY KEY); CREATE VIEW v AS SELECT id FROM a WHERE id <> ':b'"
    )
    assert text.endswith('''

# All columns together are the key of the view v: --key v=... chooses fewer.
class V(ViewModel, Base):
    """A row of the view v."""

    __tablename__ = "v"
    __query__ = TextualSelect(
        text("SELECT id FROM a WHERE (id != '\\\\:b')"),
        [column("id")],
    )

    id: Mapped[str | None] = mapped_column(primary_key=True)


# The views are made after what they read.
for _view, _read in (("v", "a"),):
    Base.metadata.tables[_view].add_is_dependent_on(Base.metadata.tables[_read])
''')


async def test_a_plain_table() -> None:
    text = await written("CREATE TABLE a (x INTEGER)")
    assert text.endswith("""
from stand_in import Base

# a has no primary key, by which a class tells its rows apart, and is a plain table
# here: --key a=x, or other columns, would make it a model.
a = Table("a", Base.metadata, Column("x", INTEGER))
""")
