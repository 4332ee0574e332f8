"""Why a database has refused a statement, in the words of the query."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import (
    BigInteger,
    Enum,
    Integer,
    Interval,
    MetaData,
    String,
    case,
    cast,
    exc,
    extract,
    func,
    literal,
    literal_column,
    type_coerce,
)
from sqlalchemy.orm import Mapped, aliased

from andamios_orm.core import AsyncSession, create_engine
from andamios_orm.core.errors import ConfigurationError, DataError, ProgrammingError
from andamios_orm.models import BaseModel, NaturalKey
from andamios_orm.models.timestamps import UTCDateTime
from andamios_orm.queries import (
    Avg,
    Count,
    Exists,
    F,
    Max,
    Param,
    Q,
    Quantile,
    QueryBuilder,
    RowNumber,
    StdDev,
    Sum,
    Variance,
)

from .airport import Airline, Flight, Note, fill

Ending = Callable[[QueryBuilder[Any]], Awaitable[Any]]


class Base(BaseModel):
    """The model of these tests; nothing else shares its metadata."""

    __abstract__ = True
    metadata = MetaData()


class Diary(Base):
    """What every database can keep."""

    __tablename__ = "diary"

    id: Mapped[NaturalKey[int]]
    text: Mapped[str]
    stars: Mapped[int]


class Code(enum.Enum):
    UNITED = "UA"


async def refused(ending: Awaitable[Any]) -> str:
    """Return what is said of a query, whose error the database's own is the cause of."""
    with pytest.raises(ConfigurationError) as caught:
        await ending
    assert isinstance(caught.value.__cause__, exc.StatementError)
    return str(caught.value)


READING: tuple[Ending, ...] = (
    lambda query: query.all(),
    lambda query: query.first(),
    lambda query: query.get(1),
    lambda query: query.in_bulk([1]),
    lambda query: query.count(),
    lambda query: query.exists(),
    lambda query: query.max("delay"),
    lambda query: query.values("id"),
    lambda query: query.arrow(),
    lambda query: query.paginate(2),
    lambda query: query.paginate_after(),
    lambda query: anext(query.stream()),
    lambda query: anext(query.batches()),
    lambda query: query.nested().order_by("id").limit(1).values_list("id"),
    lambda query: query.to_csv(Path("flights.csv")),
)


@pytest.mark.parametrize("ending", READING)
async def test_values_are_missing(
    session: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    monkeypatch.chdir(tmp_path)
    query = QueryBuilder(Flight, session).filter(delay__gt=Param("minutes"), id__in=Param("ids"))
    assert await refused(ending(query)) == (
        "this query takes values for ids, minutes: freeze it, and give them, as in "
        "query.freeze()(ids=..., minutes=...)"
    )
    assert list(tmp_path.iterdir()) == []


async def test_values_of_a_subquery_are_missing(session: AsyncSession) -> None:
    inner = QueryBuilder(Airline).filter(code=Param("code"))
    assert await refused(QueryBuilder(Flight, session).filter(Exists(inner)).all()) == (
        "this query takes values for code: freeze it, and give them, as in query.freeze()(code=...)"
    )


WRITING: tuple[Ending, ...] = (
    lambda query: query.filter(delay__gt=Param("minutes")).delete(),
    lambda query: query.filter(id=1).update(delay=Param("minutes")),
    lambda query: query.filter(id=1).update(delay=F("delay") + Param("minutes")),
    lambda query: query.insert_from(query.filter(delay__gt=Param("minutes"))),
)


@pytest.mark.parametrize("ending", WRITING)
async def test_values_of_a_write_are_missing(session: AsyncSession, ending: Ending) -> None:
    assert await refused(ending(QueryBuilder(Flight, session))) == (
        "Param() is for frozen queries, which read: a query that writes gets the values of minutes themselves"
    )


UNLIKE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"delay__gt": "abc"}, "gt compares 'delay' with a number, not with 'abc'"),
    ({"delay__between": ("a", "b")}, "gte compares 'delay' with a number, not with 'a'"),
    ({"delay__in": [1, "abc"]}, "in compares 'delay' with a number, not with 'abc'"),
    (
        {"delay": [1, 2]},
        "eq compares 'delay' with a number, not with [1, 2]: to look for any of them, there is delay__in",
    ),
    (
        {"delay__ne": {1}},
        "ne compares 'delay' with a number, not with {1}: to look for any of them, there is delay__notin",
    ),
    ({"delay__gt": [1]}, "gt compares 'delay' with a number, not with [1]"),
    (
        {"delay": np.int64(10)},
        "eq compares 'delay' with a number, not with np.int64(10): give its .item(), which is Python's",
    ),
    ({"delay": dt.date(2013, 1, 1)}, "eq compares 'delay' with a number, not with datetime.date(2013, 1, 1)"),
    ({"price__lte": "abc"}, "lte compares 'price' with a number, not with 'abc'"),
    ({"day": "not a date"}, "eq compares 'day' with a date, not with 'not a date'"),
    ({"departs__gte": 5}, "gte compares 'departs' with a moment, not with 5"),
    ({"airline_code": 1}, "eq compares 'airline_code' with a text, not with 1"),
    (
        {"airline_code": Code.UNITED},
        "eq compares 'airline_code' with a text, not with <Code.UNITED: 'UA'>: give its .value",
    ),
    ({"airline__name__lt": 5}, "lt compares 'airline__name' with a text, not with 5"),
    ({"tags__word__notin": [5]}, "notin compares 'word' with a text, not with 5"),
    (
        {"departs__month": "x"},
        "eq compares 'EXTRACT(month FROM flights.departs)' with a number, not with 'x'",
    ),
    (
        {"stops": "ORD"},
        "eq compares 'stops' with a list, not with 'ORD': to look for it in the list, there is stops__has",
    ),
    ({"route": 1}, "eq compares 'route' with a dict, not with 1"),
    ({"stops__has": 5}, "has looks for a text in 'stops', not for 5"),
    ({"airline__flights__stops__has": 5}, "has looks for a text in 'stops', not for 5"),
)


@pytest.mark.parametrize(("lookups", "said"), UNLIKE)
async def test_values_of_another_kind(session: AsyncSession, lookups: dict[str, Any], said: str) -> None:
    assert await refused(QueryBuilder(Flight, session).filter(**lookups).all()) == said


@pytest.mark.parametrize(
    "ending",
    [
        lambda query: query.filter(F("delay") > "abc").count(),
        lambda query: query.filter(Flight.delay > "abc").count(),
        lambda query: query.filter(~Q(delay__gt="abc") | Q(id=1)).delete(),
        lambda query: query.annotate(late=F("delay") > "abc").all(),
        lambda query: query.filter(delay__gt=Param("minutes")).freeze()(minutes="abc").all(),
        lambda query: query.filter(delay__gt="abc").nested().exists(),
    ],
)
async def test_values_of_another_kind_elsewhere(session: AsyncSession, ending: Ending) -> None:
    said = await refused(ending(QueryBuilder(Flight, session)))
    assert said == "gt compares 'delay' with a number, not with 'abc'"


TRUE_ERRORS: tuple[tuple[Callable[[QueryBuilder[Any]], QueryBuilder[Any]], type[Exception], str], ...] = (
    (lambda query: query.annotate(n=cast(F("airline_code"), Integer)), DataError, "'UA' to INT32"),
    (lambda query: query.annotate(n=cast(F("departs"), Integer)), DataError, "TIMESTAMP -> INTEGER"),
    (lambda query: query.annotate(n=func.nothing_of_that_name()), ProgrammingError, "nothing_of_that_name"),
    (lambda query: query.annotate(n=literal_column("nothing")), ProgrammingError, "nothing"),
    (
        lambda query: query.group_by("id").annotate(late=F("delay"), n=func.nothing_of_that_name()),
        ProgrammingError,
        "nothing_of_that_name",
    ),
    (
        lambda query: query.filter(airline_code=5).annotate(n=func.nothing_of_that_name()),
        ProgrammingError,
        "nothing_of_that_name",
    ),
    (
        lambda query: query.filter(stops__has="a").annotate(n=func.list_contains(F("stops"), F("delay"))),
        ProgrammingError,
        "Cannot deduce template type",
    ),
)


@pytest.mark.parametrize(
    "call",
    [func.list_contains(func.list_value(1, 2), dt.date(2013, 1, 1)), func.list_position(F("stops"), 5)],
)
async def test_other_functions_of_lists(session: AsyncSession, call: Any) -> None:
    with pytest.raises(ProgrammingError, match="Cannot deduce template type"):
        await QueryBuilder(Flight, session).annotate(n=call, now=func.now()).all()


@pytest.mark.parametrize("lookups", [{"departs__gte": "2013-1-1"}, {"day__gte": "2013-1-1"}, {"stops": "[]"}])
@pytest.mark.parametrize(("build", "error", "said"), TRUE_ERRORS)
async def test_the_true_error_stays(
    session: AsyncSession, lookups: dict[str, Any], build: Any, error: Any, said: str
) -> None:
    """DuckDB compares such texts, which Python would not read."""
    query = QueryBuilder(Flight, session).filter(**lookups)
    assert await query.count() > 0
    with pytest.raises(error, match=said):
        await build(query).values()


async def test_aggregates_where_something_else_is_missing(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    with pytest.raises(ProgrammingError, match="nothing_of_that_name"):
        await query.aggregate(n=func.nothing_of_that_name(), s=Sum("airline_code"))


@pytest.mark.parametrize(
    "other",
    [
        Q(airline_code=5),
        Flight.airline_code == literal(dt.datetime(2013, 1, 1, tzinfo=dt.UTC), UTCDateTime()),
    ],
)
async def test_a_value_that_is_refused_before_it_is_sent(session: AsyncSession, other: Any) -> None:
    """The other one would be refused by the database."""
    query = QueryBuilder(Flight, session).filter(other)
    query = query.filter(Flight.route == literal(1, Flight.route.type))
    assert await refused(query.all()) == "eq compares 'route' with a dict, not with 1"


async def test_a_value_that_a_driver_refuses() -> None:
    """SQLite compares texts with numbers."""
    engine = create_engine("sqlite:///:memory:")
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Diary.metadata.create_all)
        query = QueryBuilder(Diary, session).filter(text=5)
        assert await query.all() == []
        said = await refused(query.filter(stars=[1]).all())
    await engine.dispose()
    assert said.startswith("eq compares 'stars' with a number, not with [1]: to look for any of them")


async def test_a_long_value_is_cut(session: AsyncSession) -> None:
    said = await refused(QueryBuilder(Flight, session).filter(delay="abc" * 100).all())
    assert said.startswith("eq compares 'delay' with a number, not with 'abcabc")
    assert len(said) < 110


async def test_values_that_are_hidden() -> None:
    engine = create_engine("duckdb:///:memory:", hide_parameters=True)
    async with AsyncSession(engine) as session:
        await fill(session)
        assert await refused(QueryBuilder(Flight, session).filter(delay="secret").all()) == (
            "eq compares 'delay' with a number, not with a value of type str"
        )
    await engine.dispose()


@pytest.mark.parametrize(
    "lookups",
    [
        {"delay": "10"},
        {"delay": 10.0},
        {"delay__in": [10, "10", None]},
        {"price": 100},
        {"price": 100.0},
        {"day": "2013-01-01"},
        {"day": dt.datetime(2013, 1, 1)},
        {"departs__lt": dt.date(2013, 1, 2)},
        {"departs__lt": np.datetime64("2013-01-02")},
        {"id": True},
    ],
)
async def test_what_the_database_compares_stays(session: AsyncSession, lookups: dict[str, Any]) -> None:
    found = await QueryBuilder(Flight, session).filter(**lookups).values_list("id", flat=True)
    assert 1 in found


AGGREGATES: tuple[tuple[Any, str], ...] = (
    (
        Sum("airline_code"),
        "Sum is of numbers, and 'airline_code' holds texts: where these are numbers, cast() them",
    ),
    (
        Sum("airline_code", distinct=True, filter=Q(id=1)),
        "Sum is of numbers, and 'airline_code' holds texts: where these are numbers, cast() them",
    ),
    (
        Avg("airline__name"),
        "Avg is of numbers or moments, and 'name' holds texts: where these are numbers, cast() them",
    ),
    (
        Sum("meta__seat__row"),
        "Sum is of numbers, and 'meta__seat__row' holds texts: where these are numbers, cast() them",
    ),
    (
        StdDev(func.upper(F("airline_code"), type_=String())),
        "StdDev is of numbers, and 'upper(flights.airline_code)' holds texts: where these are numbers, "
        "cast() them",
    ),
    (
        func.sum(F("airline_code")),
        "Sum is of numbers, and 'airline_code' holds texts: where these are numbers, cast() them",
    ),
    (Sum("departs"), "Sum is of numbers, and 'departs' holds moments"),
    (Sum(literal(dt.timedelta(1), Interval())), "Sum is of numbers, and '$1' holds spans of time"),
    (
        StdDev(F("departs") - F("departs")),
        "StdDev is of numbers, and 'flights.departs - flights.departs' holds spans of time",
    ),
    (
        Sum(type_coerce(F("airline_code"), Enum(Code))),
        "Sum is of numbers, and 'flights.airline_code' holds members of an Enum",
    ),
    (
        Avg(type_coerce(F("airline_code"), Enum(Code))),
        "Avg is of numbers or moments, and 'flights.airline_code' holds members of an Enum",
    ),
    (
        Sum(type_coerce(F("departs"), UTCDateTime())),
        "Sum is of numbers, and 'flights.departs' holds moments",
    ),
    (
        Quantile(F("departs") - F("departs"), 0.5),
        "Quantile is of numbers or moments, and 'flights.departs - flights.departs' holds spans of time",
    ),
    (Variance("day"), "Variance is of numbers, and 'day' holds dates"),
    (Quantile("stops", 0.5), "Quantile is of numbers or moments, and 'stops' holds lists"),
    (Avg("meta"), "Avg is of numbers or moments, and 'meta' holds documents"),
)


@pytest.mark.parametrize(("aggregate", "said"), AGGREGATES)
async def test_aggregates_of_numbers(session: AsyncSession, aggregate: Any, said: str) -> None:
    assert await refused(QueryBuilder(Flight, session).aggregate(value=aggregate)) == said


async def test_sums_of_numbers(session: AsyncSession) -> None:
    query = QueryBuilder(Flight, session)
    assert await query.aggregate(value=Sum(cast(F("meta__seat__row"), BigInteger))) == {"value": 28}
    assert await query.aggregate(value=Sum(func.abs(F("delay")))) == {"value": 145}
    assert await query.sum(F("delay") > 5) == 4


def beside(field: str, groups: str = "airline_code") -> str:
    return (
        f"{field!r} may have several values in a group of {groups}: aggregate it, as in Max({field!r}), or "
        "name it in group_by() too"
    )


GROUPS: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (lambda query: query.order_by("delay"), "delay"),
    (lambda query: query.order_by("n", "-delay"), "delay"),
    (lambda query: query.order_by(-F("delay") + 1), "delay"),
    (lambda query: query.select("n", "delay"), "delay"),
    (lambda query: query.select("airline__name"), "airline__name"),
    (lambda query: query.annotate(late=F("delay")), "delay"),
    (lambda query: query.annotate(late=case((F("delay") > 5, 1), else_=0)), "delay"),
    (lambda query: query.annotate(late=cast(F("delay"), String)), "delay"),
    (lambda query: query.annotate(month=extract("month", F("departs"))), "departs"),
    (lambda query: query.annotate(rank=RowNumber().over(order_by="delay")), "delay"),
    (lambda query: query.qualify(RowNumber().over(partition_by="delay") < 3), "delay"),
    (lambda query: query.annotate(total=Sum("delay").over()), "delay"),
    (lambda query: query.having(delay__gt=3), "delay"),
    (lambda query: query.having(Q(n__gt=1) | Q(delay__gt=3)), "delay"),
    (lambda query: query.annotate(late=F("delay")).nested().order_by("late"), "delay"),
)


@pytest.mark.parametrize(("build", "field"), GROUPS)
async def test_fields_beside_groups(session: AsyncSession, build: Callable[[Any], Any], field: str) -> None:
    query = QueryBuilder(Flight, session).group_by("airline_code").annotate(n=Count())
    assert await refused(build(query).values()) == beside(field)


@pytest.mark.parametrize(
    ("build", "field", "groups"),
    [
        (
            lambda query: query.group_by("airline_code", "airline__name", month=F("departs__month")).order_by(
                "month", "departs__day"
            ),
            "departs",
            "airline_code, airline__name, month",
        ),
        (
            lambda query: query.group_by(upper=func.upper(F("airline_code"))).select("airline_code"),
            "airline_code",
            "upper(flights.airline_code)",
        ),
        (
            lambda query: query.group_by(upper=func.upper(F("airline_code"))).order_by("airline_code"),
            "airline_code",
            "upper",
        ),
        (
            lambda query: query.time_bucket("departs", "1 day", n=Count()).order_by("departs"),
            "departs",
            "bucket",
        ),
        (
            lambda query: query.join("plane").group_by("plane__seats").order_by("plane__tailnum"),
            "plane__tailnum",
            "plane__seats",
        ),
    ],
)
async def test_names_of_groups(
    session: AsyncSession, build: Callable[[Any], Any], field: str, groups: str
) -> None:
    assert await refused(build(QueryBuilder(Flight, session)).values()) == beside(field, groups)


async def test_groups_of_an_alias(session: AsyncSession) -> None:
    query = QueryBuilder(aliased(Airline), session).group_by("code")
    assert await refused(query.values("name")) == beside("name", "code")


@pytest.mark.parametrize(
    "build",
    [
        lambda query: query.order_by("airline_code"),
        lambda query: query.order_by(Max("delay")),
        lambda query: query.order_by(func.any_value(F("delay"))),
        lambda query: query.annotate(again=func.lower(F("airline_code"))),
        lambda query: query.annotate(again=F("airline_code") + "!"),
        lambda query: query.annotate(rank=RowNumber().over(order_by="n")),
        lambda query: query.filter(delay__gt=-100),
    ],
)
async def test_what_groups_have(session: AsyncSession, build: Callable[[Any], Any]) -> None:
    query = QueryBuilder(Flight, session).group_by("airline_code").annotate(n=Count())
    assert len(await build(query).values()) == 3


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda query: query.filter(id=2**130), ProgrammingError),
        (lambda query: query.annotate(n=func.error("no")), exc.DBAPIError),
        (lambda query: query.filter(type_coerce(F("delay"), String) == "abc"), DataError),
        (lambda query: query.group_by("id").annotate(n=func.upper(F("airline_code"))), ProgrammingError),
        (lambda query: query.annotate(n=func.nothing_of_that_name()), ProgrammingError),
    ],
)
async def test_other_errors_stay(session: AsyncSession, build: Callable[[Any], Any], error: Any) -> None:
    with pytest.raises(error):
        await build(QueryBuilder(Flight, session)).all()


async def test_faults_of_the_operation_stay(tmp_path: Path) -> None:
    """A table is dropped while its query, which would be refused too, cannot even begin."""
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/none.db")
    async with AsyncSession(engine) as session:
        with pytest.raises(exc.OperationalError, match="no such table"):
            await QueryBuilder(Note, session).filter(stars=[1]).count()
    await engine.dispose()
