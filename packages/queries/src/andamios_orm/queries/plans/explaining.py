"""Have DuckDB explain a query: EXPLAIN as a statement of SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, Executable, event
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import NO_LINTING

from andamios_orm.queries.plans.parsing import estimated_plan, measured_plan
from andamios_orm.queries.plans.plan import QueryPlan
from andamios_orm.queries.plans.row_groups import counted

__all__ = ["explained", "prepare"]

_OPTION = "andamios_explain"
"""The execution option of a query that is explained."""


class _Explain(Executable, ClauseElement):
    """``EXPLAIN (query)``; the parentheses let nothing but one query stand there."""

    inherit_cache = False

    def __init__(self, query: Any, settings: str) -> None:
        self.query = query
        self.settings = settings


@compiles(_Explain, "duckdb")
def _compile_explain(element: _Explain, compiler: Any, **options: Any) -> str:
    # SQLAlchemy's own warning about a cartesian product would come for each explanation.
    compiler.linting = NO_LINTING
    # The line ends keep a comment at the end of a text to itself.
    return f"EXPLAIN ({element.settings}) (\n{compiler.process(element.query, **options)}\n)"


def prepare(engine: Engine) -> None:
    """Have queries of an engine explained, where `explained` asks for it.

    A listener of the engine comes after those of all engines, such as that of soft deletion. So it explains
    the query as they have changed it.
    """
    if not event.contains(engine, "before_execute", _wrap):
        event.listen(engine, "before_execute", _wrap, retval=True)


async def explained(connection: AsyncConnection, query: Executable, *, execute: bool) -> QueryPlan:
    """Return the plan of a query.

    Args:
        connection: A connection of an engine that is prepared, whose transactions are read-only.
        query: The query.
        execute: Whether it is executed and measured. Of constant rows DuckDB measures nothing, so that their
            plan is one of estimates nevertheless.

    Raises:
        ProgrammingError: The query is wrong, or a text is none; on 1.5, a PIVOT has to name its columns.
    """
    measured = None
    if execute:
        measured = measured_plan(await connection.run_sync(_sent, query, "ANALYZE, FORMAT json"))
    if measured is None:
        return estimated_plan(await connection.run_sync(_sent, query, "FORMAT json"))
    return replace(measured, root=await counted(connection, measured.root, {}))


def _sent(connection: Connection, query: Executable, settings: str) -> str:
    # The cursor's own rows: the result would convert them like those of the query.
    cursor: Any = connection.execute(query, execution_options={_OPTION: settings}).cursor
    told: str = cursor.fetchone()[1]
    return told


def _wrap(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    wanted = options.get(_OPTION)
    return statement if wanted is None else _Explain(statement, wanted), multiple, single
