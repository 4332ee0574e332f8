"""Statements that write rows of a model by themselves carry validated values."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field
from sqlalchemy import MetaData, bindparam, func, insert, lambda_stmt, select, text, update
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ValidationError
from andamios_orm.models.base import NAMING_CONVENTION, BaseModel
from andamios_orm.models.rules import Rules
from andamios_orm.models.statement_values import _StatementValues


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Flight(Base):
    number: Mapped[Annotated[str, Field(max_length=3), AfterValidator(str.upper)]] = mapped_column(
        "flight_number", unique=True
    )
    delay: Mapped[int | None]


class Raw(Base):
    __validate__ = False

    number: Mapped[Annotated[str, Field(max_length=3)]]


class First(Base):
    """Nothing but statements ever refers to it."""

    number: Mapped[Annotated[str, Field(max_length=3)]]


@pytest.fixture
async def made(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with the tables and the flight A1, whose key is 1."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        await session.execute(insert(Flight), {"number": "a1", "delay": "3"})
    return engine


async def execute(engine: AndamiosEngine, statement: Any, parameters: Any = None) -> None:
    async with SessionManager(engine) as session:
        await session.execute(statement, parameters)


async def rows(engine: AndamiosEngine) -> list[tuple[str, int | None]]:
    async with SessionManager(engine) as session:
        query = select(Flight.number, Flight.delay).order_by(Flight.number)
        return [(number, delay) for number, delay in await session.execute(query)]


NEW = upsert(Flight).values(number="a1")


@pytest.mark.parametrize(
    ("statement", "parameters", "expected"),
    [
        (insert(Flight).values(number="b1", delay="4"), None, ("B1", 4)),
        (insert(Flight).values({Flight.number: "b1", Flight.delay: func.abs(-4)}), None, ("B1", 4)),
        (insert(Flight).values([{"number": "b1"}, {Flight.number: "c1"}]), None, ("B1", None)),
        (insert(Flight).values([(7, "b1", "4"), (8, "c1", 5)]), None, ("B1", 4)),
        (insert(Flight).values((7, "b1", "4")), None, ("B1", 4)),
        (insert(Flight), [{"number": "b1", "delay": "4"}, {"number": "c1", "delay": None}], ("B1", 4)),
        (insert(Flight).values(number=bindparam("n")), {"n": "b1"}, ("B1", None)),
        (insert(Flight).values(number=bindparam("n")), [{"n": "b1"}, {"n": "c1"}], ("B1", None)),
        (insert(Flight).values(number=bindparam("n", "a1")), {"n": "b1"}, ("B1", None)),
        (lambda_stmt(lambda: insert(Flight).values(number="b1")), None, ("B1", None)),
        (update(Flight).values(number="b1", delay=Flight.delay + 1), None, ("B1", 4)),
        (update(Flight).ordered_values((Flight.delay, "4"), ("number", "b1")), None, ("B1", 4)),
        (update(Flight), [{"id": 1, "number": "b1"}], ("B1", 3)),
        (NEW.on_conflict_do_update(index_elements=["flight_number"], set_={"delay": "5"}), None, ("A1", 5)),
        (NEW.on_conflict_do_nothing(), None, ("A1", 3)),
        (insert(Flight).from_select(["flight_number"], select(text("'b1'"))), None, ("b1", None)),
    ],
)
async def test_values_are_validated(
    made: AndamiosEngine, statement: Any, parameters: Any, expected: tuple[str, int | None]
) -> None:
    await execute(made, statement, parameters)
    assert expected in await rows(made)


@pytest.mark.parametrize(
    ("statement", "parameters", "names"),
    [
        (insert(Flight).values(number="long", delay="late"), None, {"number", "delay"}),
        (insert(Flight).values([{"number": "b1"}, {"number": "long"}]), None, {"rows[1].number"}),
        (insert(Flight).values([(7, "long", 4)]), None, {"rows[0].number"}),
        (insert(Flight), [{"number": "long"}, {"number": "more"}], {"rows[0].number", "rows[1].number"}),
        (insert(Flight), {"number": "long"}, {"number"}),
        (insert(Flight).values(number=bindparam("n")), {"n": "long"}, {"number"}),
        (insert(Flight).values(number=bindparam("n", "a1")), {"n": "long"}, {"number"}),
        (update(Flight).where(Flight.id == 1).values(number="long"), None, {"number"}),
        (update(Flight), [{"id": 1, "delay": "late"}], {"rows[0].delay"}),
        (
            NEW.on_conflict_do_update(index_elements=["flight_number"], set_={Flight.delay: "late"}),
            None,
            {"delay"},
        ),
    ],
)
async def test_nothing_is_written_of_what_is_refused(
    made: AndamiosEngine, statement: Any, parameters: Any, names: set[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        await execute(made, statement, parameters)
    assert caught.value.errors.keys() == names
    assert await rows(made) == [("A1", 3)]


async def test_the_first_statement_of_a_model_is_validated(made: AndamiosEngine) -> None:
    with pytest.raises(ValidationError, match="First: number"):
        await execute(made, insert(First).values(number="long"))


async def test_many_errors_are_cut_short(made: AndamiosEngine) -> None:
    with pytest.raises(ValidationError) as caught:
        await execute(made, insert(Flight), [{"number": "long"}] * 30)
    assert len(caught.value.errors) == 21
    assert caught.value.errors["..."] == "and 10 more"


async def test_objects_of_a_returning_clause(made: AndamiosEngine) -> None:
    async with SessionManager(made) as session:
        statement = insert(Flight).values(number="b1").returning(Flight)
        flight = (await session.scalars(select(Flight).from_statement(statement))).one()
        assert flight.number == "B1"
        assert [
            row.number for row in await session.scalars(insert(Flight).returning(Flight), [{"number": "c1"}])
        ] == ["C1"]


async def test_objects_in_the_session_get_the_validated_values(made: AndamiosEngine) -> None:
    async with SessionManager(made) as session:
        flight = await session.get_one(Flight, 1)
        await session.execute(update(Flight).where(Flight.id == 1).values(number="b1", delay="4"))
        assert (flight.number, flight.delay) == ("B1", 4)


async def test_the_statement_and_the_parameters_of_a_user_stay_as_they_are(made: AndamiosEngine) -> None:
    statement, parameters = insert(Flight).values(delay="4"), {"number": "b1"}
    await execute(made, statement, parameters)
    assert parameters == {"number": "b1"}
    assert [value.value for value in statement._values.values()] == ["4"]  # type: ignore[union-attr] # it has


async def test_a_model_may_switch_it_off(made: AndamiosEngine) -> None:
    await execute(made, insert(Raw).values(number="long"))
    async with SessionManager(made) as session:
        assert (await session.scalars(select(Raw.number))).all() == ["long"]


async def test_a_table_knows_no_rules(made: AndamiosEngine) -> None:
    async with SessionManager(made) as session:
        await session.execute(insert(Base.metadata.tables["flight"]).values(flight_number="long"))
    assert ("long", None) in await rows(made)


def test_an_upsert_of_mysql_is_validated() -> None:
    Flight.registry.configure()
    rules: Rules = Flight.__rules__  # type: ignore[assignment] # it has
    statement = (
        mysql_insert(Flight).values(number="b1").on_duplicate_key_update(flight_number="c1", delay="4")
    )
    checked = _StatementValues(Flight.__mapper__, rules).checked_statement(statement)
    compiled = checked.compile(dialect=mysql.dialect())
    assert sorted(map(str, compiled.params.values())) == ["4", "B1", "C1"]
