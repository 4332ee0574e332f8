"""What becomes of tables and views."""

from __future__ import annotations

import pytest

from andamios_orm.core.errors import ConfigurationError

from .databases import imported, written

SQL = """
    CREATE TABLE keyed (id INTEGER PRIMARY KEY);
    CREATE TABLE loose (a INTEGER, b VARCHAR, c INTEGER[]);
    CREATE VIEW seen AS FROM loose
"""


async def test_a_table_without_a_key_is_no_model() -> None:
    with imported(await written(SQL)) as models:
        assert [column.name for column in models.loose.columns] == ["a", "b", "c"]
        assert not models.loose.primary_key


async def test_a_key_may_be_chosen() -> None:
    with imported(await written(SQL, keys={"loose": ["b", "a"], "seen": ["a"]})) as models:
        assert [column.name for column in models.Loose.__table__.primary_key] == ["b", "a"]
        assert [column.name for column in models.Seen.__table__.primary_key] == ["a"]


async def test_the_key_of_a_view_is_all_that_can_be_compared() -> None:
    with imported(await written(SQL)) as models:
        assert [column.name for column in models.Seen.__table__.primary_key] == ["a", "b"]


async def test_a_number_that_is_chosen_is_not_generated() -> None:
    text = await written(SQL, keys={"loose": ["a"]})
    assert "a: Mapped[int | None] = mapped_column(primary_key=True, autoincrement=False)" in text


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"nothing": ["a"]}, "a key is chosen for 'nothing', which is no table or view here"),
        ({"keyed": ["id"]}, "keyed has a primary key already: id"),
        ({"loose": ["z"]}, "loose has no column 'z'; it has a, b, c"),
    ],
)
async def test_keys_that_cannot_be(keys: dict[str, list[str]], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await written(SQL, keys=keys)


@pytest.mark.parametrize(
    ("tables", "classes"),
    [
        (["flights", "flight"], ["Flight", "Flights"]),
        (["a-b", "a b", "a_b"], ["AB", "ABModel", "ABModel2"]),
        (["Mapped", "Base"], ["BaseModel", "MappedModel"]),
    ],
)
async def test_names_of_classes(tables: list[str], classes: list[str]) -> None:
    sql = ";".join(f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY)' for table in tables)
    with imported(await written(sql)) as models:
        assert {mapper.class_.__name__ for mapper in models.Base.registry.mappers} == set(classes)
