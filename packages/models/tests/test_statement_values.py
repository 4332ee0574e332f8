"""Statements that write rows of a model by themselves carry validated values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field
from sqlalchemy import ForeignKey, MetaData, bindparam, func, insert, lambda_stmt, select, text, update
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, composite, mapped_column, relationship, synonym

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
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


@dataclass
class Point:
    x: int
    y: int


class Place(Base):
    """Attributes that are no columns."""

    x: Mapped[int | None]
    y: Mapped[int | None]
    next_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    point: Mapped[Point] = composite("x", "y")
    name = synonym("x")
    next: Mapped[Place | None] = relationship(remote_side="Place.id")

    @hybrid_property
    def half(self) -> Any:
        return self.x


Place.upper = column_property(func.abs(Place.x))


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
        (
            insert(Flight).values([{"number": func.upper("b1")}, {"number": "long"}]),
            None,
            {"rows[1].number"},
        ),
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


@pytest.mark.parametrize("given", [list, tuple, itemgetter(0)])
@pytest.mark.parametrize(
    ("statement", "row", "reason"),
    [
        (insert(Flight), {"nubmer": "b1"}, "Flight has no attribute 'nubmer' .* did you mean 'number'"),
        (insert(Flight), {"flight_number": "b1"}, "no attribute 'flight_number' .* did you mean 'number'"),
        (insert(Flight), {Flight.delay: 1}, r"no attribute 'Flight\.delay' .* did you mean 'delay'"),
        (insert(Flight).returning(Flight), {"delays": 1}, "'delays'"),
        (insert(Flight).values(number=bindparam("n")), {"n": "b1", "m": 1}, "'m' that rows can set$"),
        (lambda_stmt(lambda: insert(Flight)), {"nubmer": "b1"}, "'nubmer'"),
        (insert(Raw), {"id": 1, "number": "b1", "delay": 2}, "Raw has no attribute 'delay'"),
        (insert(Place), {"name": "b1"}, "'name'"),
        (insert(Place), {"upper": "b1"}, "'upper'"),
        (insert(Place), {"next": None}, "'next'"),
    ],
)
async def test_a_key_of_rows_that_would_be_lost_is_refused(
    made: AndamiosEngine, statement: Any, row: dict[Any, Any], reason: str, given: Callable[[Any], Any]
) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        await execute(made, statement, given([row]))


@pytest.mark.parametrize("given", [[{"id": 1, "nubmer": "b1"}], ({"id": 1}, {"id": 1, "nubmer": "b1"})])
async def test_a_key_that_an_update_would_lose_is_refused(made: AndamiosEngine, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'nubmer' .* did you mean 'number'"):
        await execute(made, update(Flight), given)
    assert await rows(made) == [("A1", 3)]


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        (
            NEW.on_conflict_do_update(index_elements=["flight_number"], set_={"delay": bindparam("d")}),
            {"d": 9},
        ),
        (insert(Flight).values(delay=bindparam("d") + 4), {"number": "b1", "d": 5}),
        (update(Flight).where(Flight.delay == bindparam("d")), {"id": 1, "d": 3, "delay": 9}),
    ],
)
async def test_parameters_of_the_statement_may_be_among_the_keys(
    made: AndamiosEngine, statement: Any, row: dict[str, Any]
) -> None:
    options = {"synchronize_session": None}
    async with SessionManager(made) as session:
        await session.execute(statement, [row], execution_options=options)
    assert 9 in [delay for _, delay in await rows(made)]


async def test_rows_may_set_composites(made: AndamiosEngine) -> None:
    await execute(made, insert(Place), [{"point": Point(1, 2)}])
    async with SessionManager(made) as session:
        assert (await session.execute(select(Place.x, Place.y))).one() == (1, 2)


async def test_a_hybrid_is_left_to_sqlalchemy(made: AndamiosEngine) -> None:
    with pytest.raises(InvalidRequestError, match="bulk_dml"):
        await execute(made, insert(Place), [{"half": 3}])


async def test_rows_by_column_are_left_to_the_statement(made: AndamiosEngine) -> None:
    async with SessionManager(made) as session:
        options = {"dml_strategy": "raw"}
        await session.execute(insert(Flight), [{"flight_number": "b1"}], execution_options=options)
    assert ("B1", None) in await rows(made)


def test_an_upsert_of_mysql_is_validated() -> None:
    Flight.registry.configure()
    rules: Rules = Flight.__rules__  # type: ignore[assignment] # it has
    statement = (
        mysql_insert(Flight).values(number="b1").on_duplicate_key_update(flight_number="c1", delay="4")
    )
    checked = _StatementValues(Flight.__mapper__, rules).checked_statement(statement)
    compiled = checked.compile(dialect=mysql.dialect())
    assert sorted(map(str, compiled.params.values())) == ["4", "B1", "C1"]
