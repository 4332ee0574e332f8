"""The general part of the builder on other databases: SQLite, PostgreSQL, MariaDB."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey, MetaData, String
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, create_engine
from andamios_orm.core.errors import AndamiosError, NotSupportedError
from andamios_orm.models import NAMING_CONVENTION, BaseModel, NaturalKey, SoftDeleteMixin
from andamios_orm.queries import (
    Avg,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QueryBuilder,
    RowNumber,
    Sum,
    selectinload,
)

URLS = {
    "duckdb": "duckdb:///:memory:",
    "sqlite": "sqlite:///{folder}/test.db",
    "postgresql": "postgresql://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mariadb://root@127.0.0.1:3306/test",
}


class Base(BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Maker(Base):
    """Who makes parts: three, of which one makes none."""

    __tablename__ = "query_makers"

    id: Mapped[NaturalKey[int]]
    name: Mapped[str] = mapped_column(String(40))
    parts: Mapped[list[Part]] = relationship(back_populates="maker")


class Part(Base, SoftDeleteMixin):
    """A part: six, of which the last one is deleted."""

    __tablename__ = "query_parts"

    id: Mapped[NaturalKey[int]]
    name: Mapped[str] = mapped_column(String(40))
    weight: Mapped[int | None]
    made: Mapped[dt.datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("query_makers.id"))
    maker: Mapped[Maker | None] = relationship(back_populates="parts")


def part(number: int, name: str, weight: int | None, maker: int | None) -> Part:
    return Part(
        id=number,
        name=name,
        weight=weight,
        maker_id=maker,
        made=dt.datetime(2020, number, number, number),
        facts={"color": "red" if number % 2 else "blue", "size": number, "in": {"stock": number > 3}},
    )


def reachable(backend: str, folder: Path) -> str:
    """Return the URL of a backend; skip the test when nobody listens there, unless services are required."""
    url = URLS[backend].format(folder=folder)
    address = make_url(url)
    try:
        if address.port is not None:
            socket.create_connection((str(address.host), address.port), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no server at {url}")
    return url


@pytest.fixture(params=URLS)
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AndamiosEngine]:
    """An engine on each of the databases, with the rows of these tests."""
    engine = create_engine(reachable(request.param, tmp_path))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all(
            [Maker(id=1, name="Ax & Co"), Maker(id=2, name="100%_steel"), Maker(id=3, name="None")]
        )
        await session.flush()
        session.add_all([part(1, "bolt", 5, 1), part(2, "Nut", None, 1), part(3, "axle", 70, 2)])
        session.add_all([part(4, "wheel", 40, 2), part(5, "bolt cap", 1, None), part(6, "old", 9, 1)])
        await session.flush()
        await QueryBuilder(Part, session).filter(id=6).delete()
    yield engine
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()


LOOKUPS: list[tuple[Any, list[int]]] = [
    (Q(weight=None), [2]),
    (Q(weight__gt=5), [3, 4]),
    (Q(weight__in=[5, None]), [1, 2]),
    (Q(weight__notin=[5, 70]), [4, 5]),
    (Q(weight__between=(5, 50)), [1, 4]),
    (~Q(weight__gt=5), [1, 2, 5]),
    (~Q(weight__gt=5) & ~Q(name__startswith="bolt"), [2]),
    (Q(name__icontains="BOLT"), [1, 5]),
    (Q(name__istartswith="nu"), [2]),
    (Q(name__iendswith="LE") | Q(name__iexact="NUT"), [2, 3]),
    (Q(name__contains="%"), []),
    (Q(maker__name__contains="0%_"), [3, 4]),
    (Q(maker__name__contains="s_e"), []),
    (Q(name__regex="^[abc]"), [1, 3, 5]),
    (Q(maker__name__startswith="Ax"), [1, 2]),
    (Q(maker=None), [5]),
    (~Q(maker__name__startswith="Ax"), [3, 4, 5]),
    (Q(maker__parts__weight__gt=60), [3, 4]),
    (Q(maker__parts__name="old"), []),
    (Q(made__month=3), [3]),
    (Q(made__year=2020, made__day__gt=3), [4, 5]),
    (Q(made__date=dt.date(2020, 2, 2)), [2]),
    (Q(made__hour__lt=3), [1, 2]),
    (Q(facts__color="red"), [1, 3, 5]),
    (Q(facts__size__gt=3), [4, 5]),
    (Q(facts__in__stock=True), [4, 5]),
    (Q(F("weight") > F("id") * 10), [3]),
    (Q(F("weight") / 2 > 2), [1, 3, 4]),
]


async def test_lookups(anywhere: AndamiosEngine) -> None:
    """All in one test, because making the tables takes longer than asking."""
    wrong = []
    for condition, found in LOOKUPS:
        async with SessionManager(anywhere) as session:
            try:
                query = QueryBuilder(Part, session).filter(condition).order_by("id")
                ids: Any = await query.values_list("id", flat=True)
            except (AndamiosError, SAWarning) as error:
                ids = str(error)[:300]
                await session.rollback()
        if ids != found:
            wrong.append((condition.parts, ids, found))
    assert wrong == []


def ids(query: QueryBuilder[Any]) -> Any:
    return query.order_by("id").values_list("id", flat=True)


ANSWERS: dict[str, tuple[Callable[[QueryBuilder[Part], QueryBuilder[Maker]], Any], Any]] = {
    "many": (lambda parts, makers: ids(makers.filter(parts__weight__gt=4, parts__name__startswith="b")), [1]),
    "exclude many": (lambda parts, makers: ids(makers.exclude(parts__weight__gt=4)), [3]),
    "aggregates of many": (
        lambda parts, makers: makers.annotate(n=Count("parts"), m=Max("parts__weight"))
        .order_by("id")
        .values_list("n", "m"),
        [(2, 5), (2, 70), (0, None)],
    ),
    "groups": (
        lambda parts, makers: parts.group_by("maker__name")
        .annotate(n=Count(), w=Sum("weight"))
        .filter(n__gt=1, weight__gt=0)
        .order_by("-w")
        .values_list(),
        [("100%_steel", 2, 110)],
    ),
    "aggregates": (
        lambda parts, makers: parts.aggregate(n=Count("weight"), m=Avg("weight")),
        {"n": 4, "m": 29},
    ),
    "nulls last": (
        lambda parts, makers: parts.order_by("weight").values_list("id", flat=True),
        [5, 1, 4, 3, 2],
    ),
    "nulls first": (
        lambda parts, makers: parts.order_by("-weight", nulls="first").values_list("id", flat=True),
        [2, 3, 4, 1, 5],
    ),
    "slice": (lambda parts, makers: parts.order_by("-id")[1:3].values_list("id", flat=True), [4, 3]),
    "offset": (lambda parts, makers: parts.order_by("id").offset(3).values_list("id", flat=True), [4, 5]),
    "nested": (lambda parts, makers: ids(parts.order_by("-id").limit(3).nested().filter(maker=None)), [5]),
    "windows": (
        lambda parts, makers: parts.order_by("id")
        .annotate(n=RowNumber().over(partition_by="maker_id", order_by="-id"))
        .filter(n=1)
        .values_list("id", flat=True),
        [2, 4, 5],
    ),
    "top": (lambda parts, makers: ids(parts.top_per_group(1, by="maker_id", order_by="id")), [1, 3, 5]),
    "exists": (
        lambda parts, makers: ids(makers.filter(~Exists(QueryBuilder(Part).filter(maker_id=OuterRef("id"))))),
        [3],
    ),
    "union": (lambda parts, makers: ids(parts.select("id").union(makers.select("id"))), [1, 2, 3, 4, 5]),
    "except": (lambda parts, makers: ids(parts.select("id").except_(makers.select("id"))), [4, 5]),
    "cte": (
        lambda parts, makers: ids(parts.with_cte("m", makers.filter(id=2)).join("m", on={"maker_id": "id"})),
        [3, 4],
    ),
    "join": (lambda parts, makers: ids(makers.join("parts", outer=True).filter(parts__id=None)), [3]),
    "deleted": (lambda parts, makers: ids(parts.only_deleted().nested()), [6]),
    "count": (lambda parts, makers: parts.with_deleted().count(), 6),
    "page": (lambda parts, makers: numbers(parts.order_by("id").paginate(2, 2)), ([3, 4], 5)),
    "keyset": (lambda parts, makers: pages(parts.order_by("-weight")), [[3, 4], [1, 5], [2]]),
    "loading": (lambda parts, makers: loaded(makers.options(selectinload("parts"))), [2, 2, 0]),
}


async def numbers(page: Any) -> tuple[list[int], int]:
    found = await page
    return [each.id for each in found.items], found.total


async def pages(query: QueryBuilder[Part]) -> list[list[int]]:
    found, cursor = [], None
    while True:
        page = await query.paginate_after(cursor, 2)
        found.append([each.id for each in page.items])
        if page.next is None:
            return found
        cursor = page.next


async def loaded(query: QueryBuilder[Maker]) -> list[int]:
    return [len(maker.parts) for maker in await query.order_by("id").all()]


async def test_answers(anywhere: AndamiosEngine) -> None:
    wrong = {}
    for name, (ask, found) in ANSWERS.items():
        async with SessionManager(anywhere) as session:
            try:
                answer = await ask(QueryBuilder(Part, session), QueryBuilder(Maker, session))
            except (AndamiosError, SAWarning) as error:
                answer = str(error)[:300]
                await session.rollback()
        if answer != found:
            wrong[name] = answer
    assert wrong == {}


@pytest.mark.parametrize("anywhere", ["duckdb", "sqlite", "postgresql"], indirect=True)
async def test_aggregates_of_some_rows(anywhere: AndamiosEngine) -> None:
    async with SessionManager(anywhere) as session:
        found = await QueryBuilder(Part, session).aggregate(n=Count(filter=Q(weight__gt=4)))
        assert found == {"n": 3}


async def locked(engine: AndamiosEngine, **options: bool) -> list[int]:
    """Return what another session finds to lock while the first maker is locked."""
    async with SessionManager(engine) as session, AsyncSession(engine) as other:
        assert (await QueryBuilder(Maker, session).filter(id=1).for_update().one()).id == 1
        makers = await QueryBuilder(Maker, other).order_by("id").for_update(**options).all()
        return [maker.id for maker in makers]


@pytest.mark.parametrize("anywhere", ["postgresql"], indirect=True)
async def test_row_locks(anywhere: AndamiosEngine) -> None:
    assert await locked(anywhere, skip_locked=True) == [2, 3]
    with pytest.raises(AndamiosError, match="lock"):
        await locked(anywhere, nowait=True)


@pytest.mark.parametrize("anywhere", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_what_only_duckdb_has(anywhere: AndamiosEngine) -> None:
    async with SessionManager(anywhere) as session:
        with pytest.raises(NotSupportedError, match="an ASOF join"):
            await QueryBuilder(Part, session).asof_join(Maker, on="id", name="before").all()
