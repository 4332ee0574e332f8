"""SQL as text: what it binds, where it runs, and what its endings give back."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import (
    ConfigurationError,
    IntegrityError,
    MultipleResultsError,
    NoCurrentSessionError,
    NotFoundError,
    ProgrammingError,
    ValidationError,
)
from andamios_orm.queries.raw_sql import RawSQL, sql

from .airport import Airline, Flight


class Delay(NamedTuple):
    id: int
    delay: int | None = None


@dataclass(kw_only=True)
class Late:
    delay: int
    id: int


class Short(pydantic.BaseModel):
    id: int = pydantic.Field(lt=3)


class Color(enum.Enum):
    RED = 1


class Size(enum.StrEnum):
    SMALL = "s"


class Level(enum.IntEnum):
    HIGH = 3


def ask(session: AsyncSession, statement: Any, /, **parameters: Any) -> RawSQL:
    return sql(statement, **parameters).on(session)


async def test_rows(session: AsyncSession) -> None:
    rows = await ask(
        session, "select id, delay from flights where airline_code = :code order by id", code="AA"
    ).all()
    assert [(row.id, row.delay) for row in rows] == [(4, -5), (5, 30), (6, 30)]


async def test_objects(session: AsyncSession) -> None:
    found = await ask(session, "select * from flights where delay > :delay order by id", delay=20).all(Flight)
    assert [(type(each), each.id) for each in found] == [(Flight, 2), (Flight, 5), (Flight, 6)]
    assert found[0] is await session.get(Flight, 2)


async def test_objects_of_a_type(session: AsyncSession) -> None:
    query = ask(session, "select delay, price, id from flights where id in :ids order by id", ids=[2, 4])
    assert await query.into(Delay) == [Delay(2, 70), Delay(4, -5)]
    assert await query.into(Late) == [Late(id=2, delay=70), Late(id=4, delay=-5)]


async def test_columns_in_the_order_of_the_type(session: AsyncSession) -> None:
    assert await ask(session, "select id, delay from flights where id = :id", id=2).into(Delay) == [
        Delay(2, 70)
    ]


async def test_a_column_that_has_a_default_may_be_missing(session: AsyncSession) -> None:
    assert await ask(session, "select id from flights where id = :id", id=2).into(Delay) == [Delay(2)]


@pytest.mark.parametrize(
    ("text", "unfit"),
    [("select delay as late from flights", "delay, id"), ("select 1 as id, 2 as id, 3 as delay", "id")],
)
async def test_a_type_needs_its_columns(session: AsyncSession, text: Any, unfit: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Late needs {unfit} as one column each"):
        await ask(session, text).into(Late)


async def test_other_columns_may_share_a_name(session: AsyncSession) -> None:
    rows = await ask(session, "select 1 as x, id, 2 as x from flights where id = :id", id=2).into(Delay)
    assert rows == [Delay(2)]


async def test_a_pydantic_model_validates(session: AsyncSession) -> None:
    query = ask(session, "select id from flights where id <= :id order by id", id=3)
    with pytest.raises((ValidationError, pydantic.ValidationError)):
        await query.into(Short)


async def test_a_table_of_arrow(session: AsyncSession) -> None:
    table = await ask(session, "select id, delay from flights where id < :id order by id", id=3).arrow()
    assert table.to_pydict() == {"id": [1, 2], "delay": [10, 70]}


async def test_frames(session: AsyncSession) -> None:
    query = ask(session, "select id from flights where id < :id order by id", id=3)
    assert (await query.polars())["id"].to_list() == [1, 2]
    assert (await query.polars(lazy=True)).collect()["id"].to_list() == [1, 2]
    assert (await query.pandas())["id"].tolist() == [1, 2]


async def test_the_first(session: AsyncSession) -> None:
    query = "select * from airlines where code <= :code order by code desc"
    assert (await ask(session, query, code="B6").first())[0] == "B6"  # type: ignore[index] # there is one
    assert (await ask(session, query, code="B6").first(Airline)).code == "B6"  # type: ignore[union-attr] # there is one
    assert await ask(session, query, code="0").first() is None


async def test_the_only_one(session: AsyncSession) -> None:
    one = ask(session, "select * from airlines where code = :code", code="UA")
    assert (await one.one()).name == "United Air Lines"
    assert (await one.one(Airline)).name == "United Air Lines"
    assert (await one.one_or_none(Airline)).code == "UA"  # type: ignore[union-attr] # there is one


async def test_none_where_one_is_expected(session: AsyncSession) -> None:
    none = ask(session, "select * from airlines where code = :code", code="no")
    assert await none.one_or_none() is None
    with pytest.raises(NotFoundError, match=r"^no row was found, and one expected$"):
        await none.one()
    with pytest.raises(NotFoundError, match=r"^no Airline was found, and one expected$"):
        await none.one(Airline)


async def test_several_where_one_is_expected(session: AsyncSession) -> None:
    several = ask(session, "select * from airlines")
    with pytest.raises(MultipleResultsError, match="more than one row"):
        await several.one()
    with pytest.raises(MultipleResultsError, match="more than one Airline"):
        await several.one_or_none(Airline)


async def test_scalars(session: AsyncSession) -> None:
    query = ask(session, "select id from flights where delay = :delay order by id", delay=30)
    assert await query.scalar() == 5
    assert await query.scalars() == [5, 6]


async def test_a_write(session: AsyncSession) -> None:
    written = await ask(
        session, "update flights set delay = :delay where id in :ids", delay=9, ids=(1, 2)
    ).execute()
    assert written.rowcount == 2  # type: ignore[attr-defined] # a write counts
    returned = ask(
        session, "insert into airlines (code, name) values (:code, :name) returning code", code="X", name="x"
    )
    assert await returned.scalar() == "X"


async def test_errors_are_those_of_core(session: AsyncSession) -> None:
    with pytest.raises(IntegrityError):
        await ask(session, "insert into airlines (code) values (:code)", code="UA").execute()
    await session.rollback()


async def test_pending_objects_are_seen(session: AsyncSession) -> None:
    count = ask(session, "select count(*) from airlines")
    session.add(Airline(code="N1", name=None))
    assert await count.scalar() == 5
    session.add(Airline(code="N2", name=None))
    assert (await count.arrow())[0].to_pylist() == [6]


async def test_no_flush_where_the_session_is_told_so(session: AsyncSession) -> None:
    session.add(Airline(code="N1", name=None))
    with session.no_autoflush:
        assert await ask(session, "select count(*) from airlines").scalar() == 4


async def test_it_runs_in_the_open_transaction(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        await sql("create table t (x integer)").execute()
        await sql("insert into t values (:x)", x=1).execute()
        assert await sql("select x from t").scalar() == 1
        await session.rollback()
        with pytest.raises(ProgrammingError, match="t does not exist"):
            await sql("select x from t").all()
        await session.rollback()


async def test_a_session_may_be_named(session: AsyncSession, shared_engine: AndamiosEngine) -> None:
    query = ask(session, "select count(*) from flights where id <> :session", session=1)
    async with AsyncSession(shared_engine) as other:
        await sql("delete from flights where id = :id", id=7).on(other).execute()
        assert [await query.on(other).scalar(), await query.scalar()] == [5, 6]


async def test_without_a_session() -> None:
    with pytest.raises(NoCurrentSessionError):
        await sql("select 1").all()


VALUES = [
    None,
    True,
    5,
    2**40,
    1.5,
    "it's; -- :x",
    b"\x00\xff",
    Decimal("12.345"),
    dt.date(2013, 1, 1),
    dt.datetime(2013, 1, 1, 10, 30),
    dt.time(10, 30),
    dt.timedelta(days=1, seconds=2),
    uuid.UUID(int=5),
    [1, 2],
    {"a": 1},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_values_come_back(session: AsyncSession, value: Any) -> None:
    assert await ask(session, "select :value", value=value).scalar() == value


@pytest.mark.parametrize(("value", "bound"), [(Color.RED, "RED"), (Size.SMALL, "s"), (Level.HIGH, 3)])
async def test_members_of_an_enum(session: AsyncSession, value: Any, bound: Any) -> None:
    found = await ask(
        session, "select :bound = :value, :bound in :values", bound=bound, value=value, values=[value]
    ).one()
    assert tuple(found) == (True, True)


@pytest.mark.parametrize("ids", [[2, 4], (2, 4), {2, 4}, frozenset({2, 4})])
async def test_in_a_list(session: AsyncSession, ids: Any) -> None:
    assert await ask(session, "select id from flights where id in :ids order by id", ids=ids).scalars() == [
        2,
        4,
    ]


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("select id from flights where id in :none", "select id from flights where id not in :none"),
        ("select id from flights where day in :none", "select id from flights where day not in :none"),
        (
            "select id from flights where airline_code in :none",
            "select id from flights where airline_code not in :none",
        ),
        ("select id from flights where stops in :none", "select id from flights where stops not in :none"),
        ("select id from flights where route in :none", "select id from flights where route not in :none"),
    ],
)
async def test_in_an_empty_list(session: AsyncSession, inside: str, outside: str) -> None:
    """Whatever the type of the column is: an empty list tells nothing of it."""
    assert await ask(session, inside, none=[]).all() == []
    assert len(await ask(session, outside, none=()).all()) == 7
    assert (await ask(session, outside, none=set()).arrow()).num_rows == 7


async def test_a_list_elsewhere_is_a_list(session: AsyncSession) -> None:
    query = ask(session, "select id from flights where list_contains(:ids, id) order by id", ids=[2, 4])
    assert await query.scalars() == [2, 4]
    query = ask(session, "select :x in (:a, :b), :x in :c, :x in (:x)", x=1, a=1, b=2, c=[1])
    assert tuple(await query.one()) == (True, True, True)


async def test_a_list_in_brackets_of_its_own_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="without brackets: x in :ids"):
        sql("select id from flights where id in (:ids)", ids=[2, 4])


async def test_colons_that_bind_nothing(session: AsyncSession) -> None:
    found = await ask(
        session, "select ' :x', '10:30', e'\\:y', ':z:', :x::int, ['a', 'b'][1:1], {'a':1} -- :y", x="5"
    ).one()
    assert tuple(found) == (" :x", "10:30", ":y", ":z:", 5, ["a"], {"a": 1})


async def test_percent_signs_stay(session: AsyncSession) -> None:
    assert tuple(await ask(session, "select 7 % 4, '%s %%'").one()) == (3, "%s %%")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"a": 1}, "no value for b, no placeholder for none"),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, "no value for none, no placeholder for c, d"),
    ],
)
def test_names_and_values_fit_together(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        sql("select :a, :b", **parameters)


def test_values_are_not_shown() -> None:
    assert "secret" not in repr(sql("select :x", x="secret"))


async def test_formatted_values_are_refused(session: AsyncSession, tmp_path: Path) -> None:
    for given in ("UA", "' or 1=1 --", "x'; drop table flights; --"):
        with pytest.raises(ConfigurationError):
            ask(session, f"select * from flights where airline_code = '{given}'")  # type: ignore[arg-type, unused-ignore] # what is refused
    assert await ask(session, "select count(*) from flights").scalar() == 7


async def test_what_the_engine_cannot_read(session: AsyncSession) -> None:
    with pytest.raises((ConfigurationError, ProgrammingError)):
        await ask(session, "select 'unterminated").all()
