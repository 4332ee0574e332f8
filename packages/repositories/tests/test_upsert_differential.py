"""`upsert_many` against a dict: whatever is given, the table and the counts are the same."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped

from andamios_orm.core import AndamiosEngine, AsyncSession, create_memory_engine
from andamios_orm.models import BaseModel, NaturalKey
from andamios_orm.repositories import GenericRepository


class Base(BaseModel):
    """The only model of this module; nothing else shares its metadata."""

    __abstract__ = True
    metadata = MetaData()


class Cell(Base):
    """Has a composite key, and values of two kinds."""

    __tablename__ = "repository_cells"

    row: Mapped[NaturalKey[int]]
    column: Mapped[NaturalKey[str]]
    value: Mapped[str | None]
    weight: Mapped[int | None]


NAMES = ["row", "column", "value", "weight"]
KEY = ["row", "column"]

ROWS = st.integers(-2, 2)
COLUMNS = st.sampled_from(["a", "A", "", "é", "e\u0301", "'", '"', "\\", " a", "\U0001f6eb"])
VALUES = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
WEIGHTS = st.none() | st.integers(-(2**31), 2**31 - 1)

Table = dict[tuple[Any, ...], dict[str, Any]]


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str] | None]:
    """Rows with different keys, all of which give the same attributes, and what may be updated of them."""
    others = draw(st.lists(st.sampled_from(["value", "weight"]), unique=True))
    keys = draw(st.lists(st.tuples(ROWS, COLUMNS), unique=True, max_size=8))
    rows = []
    for number, letter in keys:
        values = {"value": draw(VALUES), "weight": draw(WEIGHTS)}
        rows.append({"row": number, "column": letter} | {name: values[name] for name in others})
    update = draw(st.none() | st.lists(st.sampled_from(others), unique=True) if others else st.none())
    return rows, update


def upserted(table: Table, rows: list[dict[str, Any]], update: list[str] | None) -> tuple[int, int]:
    """Do to a dict what is expected of the table; return the counts."""
    updated = 0
    for row in rows:
        key = row["row"], row["column"]
        if key in table:
            updated += 1
            table[key] |= (
                {name: row[name] for name in row if name not in KEY}
                if update is None
                else {name: row[name] for name in update}
            )
        else:
            table[key] = dict.fromkeys(NAMES) | row
    return len(rows) - updated, updated


async def same(engine: AndamiosEngine, given_batches: list[Any], match: list[str] | None) -> None:
    table: Table = {}
    async with AsyncSession(engine) as session:
        cells = GenericRepository[Cell](session)
        for rows, update in given_batches:
            counts = await cells.upsert_many(rows, match=match, update=update)
            assert counts == upserted(table, rows, update)
        found = await cells.query().values(*NAMES)
        assert {(row["row"], row["column"]): dict(row) for row in found} == table


def test_the_table_is_what_a_dict_would_be() -> None:
    """All examples share an engine, and each rolls its rows back."""
    with asyncio.Runner() as runner:
        engine = create_memory_engine()

        async def made() -> None:
            async with engine.begin() as connection:
                await connection.run_sync(Cell.metadata.create_all)

        @settings(max_examples=60, deadline=None)
        @given(st.lists(batches(), min_size=1, max_size=4), st.sampled_from([None, KEY, KEY[::-1]]))
        def check(given_batches: list[Any], match: list[str] | None) -> None:
            runner.run(same(engine, given_batches, match))

        runner.run(made())
        try:
            check()
        finally:
            runner.run(engine.dispose())
