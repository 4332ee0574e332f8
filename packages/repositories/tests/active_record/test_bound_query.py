"""Queries without a session: each ending is a unit of work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from inspect import isasyncgenfunction, iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest

from andamios_orm.core import AndamiosEngine, SessionManager, current_session
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError
from andamios_orm.queries import Param, QueryBuilder, Sum
from andamios_orm.repositories.active_record.bound_query import BoundQuery

from .record_models import Member, bound


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine with five members."""
    async with bound(engine) as engine:
        async with SessionManager(engine):
            for number in range(1, 6):
                await Member.create(id=number, name=f"n{number}", age=10 * number)
        yield engine


@pytest.mark.parametrize(
    ("ending", "given", "expected"),
    [
        ("count", (), 5),
        ("exists", (), True),
        ("sum", ("age",), 150),
        ("min", ("age",), 10),
        ("max", ("age",), 50),
        ("avg", ("age",), 30.0),
        ("scalars", (), None),
        ("values_list", ("name",), [("n1",), ("n2",), ("n3",), ("n4",), ("n5",)]),
    ],
)
async def test_endings(engine: AndamiosEngine, ending: str, given: tuple[Any, ...], expected: Any) -> None:
    found = await getattr(Member.where().order_by("id"), ending)(*given)
    if ending == "scalars":
        found, expected = [each.id for each in found], [1, 2, 3, 4, 5]
    assert found == expected


async def test_objects(engine: AndamiosEngine) -> None:
    query = Member.where(age__gt=10).order_by("id")
    assert [each.id for each in await query.all()] == [2, 3, 4, 5]
    first, two, bulk = await query.first(), await query.get(2), await query.in_bulk([2, 3])
    assert first is not None
    assert two is not None
    assert (first.name, two.name, bulk[3].name) == ("n2", "n2", "n3")
    page = await query.paginate_after((await query.paginate_after(None, 2)).next, 2)
    assert [each.id for each in page.items] == [4, 5]
    assert (await query.paginate(1, 2)).total == 4


async def test_rows_are_read_before_the_session_ends(engine: AndamiosEngine) -> None:
    result = await Member.where().order_by("id").select("name").execute()
    assert result.scalars().all() == ["n1", "n2", "n3", "n4", "n5"]
    assert (await Member.where().execute()).scalars().first() is not None


async def test_writes_are_committed(engine: AndamiosEngine) -> None:
    assert await Member.where(id__lte=2).delete() == 2
    assert await Member.where().update(all_rows=True, age=1) == 3
    assert await Member.where().aggregate(total=Sum("age")) == {"total": 3}


async def test_a_query_that_fails_writes_nothing(engine: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match="this is about every row"):
        await Member.where().delete()
    assert await Member.where().count() == 5


async def test_files_and_arrow(engine: AndamiosEngine, tmp_path: Path) -> None:
    assert await Member.where().to_csv(tmp_path / "members.csv") == 5
    assert (await Member.where().select("name").arrow()).num_rows == 5
    async with aclosing(Member.where().batches(2)) as batches:
        assert [batch.num_rows async for batch in batches] == [2, 2, 1]


async def test_frozen_queries(engine: AndamiosEngine) -> None:
    older = Member.where(age__gt=Param("age")).freeze()
    assert await older(age=30).count() == 2


async def test_a_query_is_made_before_its_session(engine: AndamiosEngine) -> None:
    query = Member.where()
    async with SessionManager(engine) as session:
        await Member.create(id=6, name="n6")
        assert await query.count() == 6
        assert [each.id async for each in query.stream()] == [1, 2, 3, 4, 5, 6]
        await session.rollback()
    assert await query.count() == 5


async def test_a_stream_is_no_current_session(engine: AndamiosEngine) -> None:
    found = []
    async with aclosing(Member.where().order_by("id").stream(2)) as members:
        async for member in members:
            found.append(member.id)
            with pytest.raises(NoCurrentSessionError):
                current_session()
            if len(found) == 3:
                break
    assert found == [1, 2, 3]


async def test_an_object_of_a_stream_is_not_saved_inside_of_it(engine: AndamiosEngine) -> None:
    async with aclosing(Member.where().stream()) as members:
        async for member in members:
            member.age = 1
            with pytest.raises(ConfigurationError, match="belongs to another session"):
                await member.save()
    assert await Member.where(age=1).count() == 0


async def test_neither_session_nor_engine() -> None:
    with pytest.raises(NoCurrentSessionError, match=r"Member.bind\(engine\)"):
        await Member.where().all()
    with pytest.raises(NoCurrentSessionError, match=r"Member.bind\(engine\)"):
        await anext(Member.where().stream())


def test_every_ending_is_one_here() -> None:
    methods = {name: getattr(QueryBuilder, name) for name in dir(QueryBuilder) if not name.startswith("_")}
    endings = [
        name for name, each in methods.items() if iscoroutinefunction(each) or isasyncgenfunction(each)
    ]
    assert {"all", "stream", "batches", "paginate", "delete", "polars"} <= set(endings)
    assert all(name in vars(BoundQuery) for name in endings)
