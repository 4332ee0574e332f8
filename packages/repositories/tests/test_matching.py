"""Which rows of a table given rows are the same as."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import MultipleResultsError
from andamios_orm.repositories import GenericRepository
from andamios_orm.repositories.matching import matched

from .models import DEVICE, KINDS, Device, Document, Guest, Parcel, Person, Seat, parcel, row
from .statements import sent


async def found(session: AsyncSession, model: type[Any], names: list[str], rows: Any) -> dict[int, Any]:
    return await session.run_sync(matched, model, select(model), names, rows)


async def test_keys_are_told_by_the_positions_of_the_rows(session: AsyncSession) -> None:
    rows = [{"email": f"{number}@example.org"} for number in (9, 3, 8, 1)]
    assert await found(session, Person, ["email"], rows) == {1: {"id": 3}, 3: {"id": 1}}


async def test_no_rows_take_no_statement(shared_engine: AndamiosEngine, session: AsyncSession) -> None:
    with sent(shared_engine) as statements:
        assert await found(session, Person, ["id"], []) == {}
    assert statements == []


async def test_one_statement_finds_all(shared_engine: AndamiosEngine, session: AsyncSession) -> None:
    with sent(shared_engine) as statements:
        rows = [{"id": number} for number in range(5_000)]
        assert len(await found(session, Person, ["id"], rows)) == 5
    assert len(statements) == 1


@pytest.mark.parametrize("names", KINDS, ids="-".join)
async def test_values_of_every_kind(session: AsyncSession, names: list[str]) -> None:
    rows = [parcel(number) for number in (7, 3, 5)]
    assert await found(session, Parcel, names, rows) == {1: {"id": 3}}


async def test_composite_keys(session: AsyncSession) -> None:
    rows = [{"number": 1, "letter": letter} for letter in "zb"]
    assert await found(session, Seat, ["number", "letter"], rows) == {1: {"number": 1, "letter": "b"}}
    assert await found(session, Seat, ["holder"], [{"holder": "ada"}]) == {0: {"number": 1, "letter": "a"}}


@pytest.mark.parametrize("key", [DEVICE, str(DEVICE)])
async def test_a_uuid_may_be_a_text(session: AsyncSession, key: Any) -> None:
    assert await found(session, Device, ["id"], [{"id": key}]) == {0: {"id": DEVICE}}


async def test_versions_come_with_the_keys(session: AsyncSession) -> None:
    rows = [{"title": "second"}]
    assert await found(session, Document, ["title"], rows) == {0: {"id": 2, "version": 1}}


async def test_none_is_like_nothing(session: AsyncSession) -> None:
    assert await found(session, Person, ["age"], [{"age": None}]) == {}


async def test_several_rows_of_the_table_are_refused(session: AsyncSession) -> None:
    rows = [{"age": 10}, {"age": 20}]
    with pytest.raises(MultipleResultsError, match=r"^several Person are the same as row 1 by age$"):
        await found(session, Person, ["age"], rows)


async def test_deleted_rows_are_left_out(session: AsyncSession) -> None:
    await GenericRepository[Guest](session).delete_many([2, 3])
    assert await found(session, Guest, ["id"], [row(number) for number in (1, 2, 3)]) == {0: {"id": 1}}
