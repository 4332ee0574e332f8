"""Look at queries from the side of the engine: their plans, what would help them, what is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import duckdb
from sqlalchemy import Executable, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import FromStatement
from sqlalchemy.sql.compiler import COLLECT_CARTESIAN_PRODUCTS
from sqlalchemy.sql.selectable import SelectBase

from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.queries.builder import QueryBuilder
from andamios_orm.queries.plans.explaining import explained, prepare
from andamios_orm.queries.plans.findings import QueryWarning, found_in
from andamios_orm.queries.plans.plan import QueryPlan
from andamios_orm.queries.plans.suggestions import Suggestion, suggested

__all__ = ["QueryOptimizer"]


class QueryOptimizer:
    """Tell how DuckDB executes queries, and what could be better.

    It uses connections of the engine, in read-only transactions of its own that are never committed. So it
    changes nothing, and does not see what a session has not committed yet. It takes queries alone: a
    statement that writes is refused, even where it would not be executed.

    Example:
        ::

            optimizer = QueryOptimizer(engine)
            print(await optimizer.analyze_query(QueryBuilder(Flight).filter(carrier="UA")))

    Args:
        engine: An engine on DuckDB.

    Raises:
        NotSupportedError: The engine is one of another backend.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        if engine.dialect.name != "duckdb":
            raise NotSupportedError.of(
                engine.dialect.name, "QueryOptimizer", "use the EXPLAIN of that database"
            )
        prepare(engine.sync_engine)
        self._engine = engine.execution_options(isolation_level="READ ONLY")

    async def analyze_query(self, query: Any, *, execute: bool = True) -> QueryPlan:
        """Return the plan of a query.

        Args:
            query: A `QueryBuilder`, a ``select()`` or another query of SQLAlchemy, or the ``text()`` of one.
            execute: Whether to execute it, so that the plan tells what was measured. Its rows are not
                fetched. Of constant rows DuckDB measures nothing: ``executed`` of the plan is False then.

        Raises:
            ConfigurationError: This is no query, or a text with a semicolon.
            ProgrammingError: The query is wrong, or the text is not that of a query; on DuckDB 1.5, that of a
                PIVOT has to name its columns.
        """
        statement = _query(query)
        async with self._connected() as connection:
            return await explained(connection, statement, execute=execute)

    async def suggest_indexes(self, query: Any) -> list[Suggestion]:
        """Return what would let DuckDB find the rows of a query faster, with what was measured.

        An index is suggested only for an equality that few rows of a big table meet, where zone maps do not
        leave the others out already: for one row of 5,000,000 in no order it took DuckDB 1.5.5 from 4.6 to
        0.3 ms and 2.0.0 from 4.9 to 0.4 ms, of 1,000,000 from 1.2 and 1.4 to 0.4 ms, of 100,000 it saved
        about 0.1 ms, and for a range, or a hundredth of the rows, nothing that stood out. For the rest it
        says what to sort by.

        The condition about each column is executed alone. A ``text()`` has no conditions that could be seen.

        Args:
            query: As for `analyze_query`.

        Raises:
            ConfigurationError: This is no query.
            ProgrammingError: The query is wrong.
        """
        statement = _query(query)
        async with self._connected() as connection:
            return await suggested(connection, statement)

    async def warnings(self, query: Any, *, max_rows: int = 100_000) -> list[QueryWarning]:
        """Return what is likely to be wrong with a query, which is not executed.

        Args:
            query: As for `analyze_query`. Of a ``text()`` only the plan is looked at.
            max_rows: How many rows may be expected of a query without a limit.

        Raises:
            ConfigurationError: This is no query.
            ProgrammingError: The query is wrong.
        """
        statement: Any = _query(query)
        async with self._connected() as connection:
            plan = await explained(connection, statement, execute=False)
        compiled = statement.compile(dialect=self._engine.dialect, linting=COLLECT_CARTESIAN_PRODUCTS)
        linter = getattr(compiled, "from_linter", None)
        unconnected = linter is not None and linter.lint()[0] is not None
        return found_in(statement, plan, unconnected=unconnected, max_rows=max_rows)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield connection


def _query(query: Any) -> Executable:
    statement = query.statement if isinstance(query, QueryBuilder) else query
    if isinstance(statement, TextClause):
        _expect_one(statement.text.encode())
    if isinstance(statement, SelectBase | TextClause | FromStatement):
        return cast("Executable", statement)
    raise ConfigurationError(
        f"a plan is that of a query: give a QueryBuilder, a select() or the text() of one, not {query!r:.200}"
    )


def _expect_one(text: bytes) -> None:
    # What is not separated is one statement, and in parentheses that can be nothing but a query.
    if any(text[start : start + 1] == b";" for start, _ in duckdb.tokenize(text.decode())):
        raise ConfigurationError("a plan is that of one query: leave the semicolon out of the text")
