"""Columns of classes and of plain tables."""

from __future__ import annotations

from .databases import written


async def test_what_can_be_left_out_is() -> None:
    text = await written('CREATE TABLE a (id VARCHAR PRIMARY KEY, x INTEGER, y DATE NOT NULL, "z z" BIGINT)')
    assert "    x: Mapped[int | None]\n    y: Mapped[dt.date]\n" in text
    assert '    z_z: Mapped[int | None] = mapped_column("z z", BIGINT)\n' in text


async def test_everything_at_once() -> None:
    sql = """
        CREATE SEQUENCE s;
        CREATE TABLE b (id BIGINT PRIMARY KEY);
        CREATE TABLE a (
            id VARCHAR PRIMARY KEY, "n n" BIGINT NOT NULL UNIQUE DEFAULT nextval('s') REFERENCES b
        );
        COMMENT ON COLUMN a."n n" IS 'said'
    """
    items = ['"n n"', "BIGINT", 'Sequence("s")', 'ForeignKey("b.id")', "unique=True"]
    items += ["server_default=text(\"nextval('s')\")", 'comment="said"']
    shown = " ".join((await written(sql)).split())
    assert f"n_n: Mapped[int] = mapped_column( {', '.join(items)}, )" in shown


async def test_an_empty_comment() -> None:
    text = await written("CREATE TABLE a (id VARCHAR PRIMARY KEY); COMMENT ON COLUMN a.id IS ''")
    assert 'mapped_column(primary_key=True, comment="")' in text


async def test_a_plain_table_says_everything() -> None:
    text = await written("CREATE TABLE a (x INTEGER NOT NULL, y ENUM('a'), \"text\" VARCHAR DEFAULT 'z')")
    assert 'Column("x", INTEGER, nullable=False),' in text
    assert 'Column("y", StrEnumType(AY, name=None)),' in text
    assert 'Column("text", VARCHAR, server_default="z"),' in text


async def test_a_name_that_the_module_imports_is_not_hidden() -> None:
    text = await written("CREATE TABLE a (id VARCHAR PRIMARY KEY, text VARCHAR DEFAULT lower('A'))")
    assert 'text_: Mapped[str | None] = mapped_column("text", server_default=text(' in " ".join(text.split())
    text = await written("CREATE TABLE a (id VARCHAR PRIMARY KEY, text VARCHAR)")
    assert "    text: Mapped[str | None]\n" in text
