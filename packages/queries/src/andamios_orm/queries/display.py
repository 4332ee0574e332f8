"""The text of a statement, for people."""

from __future__ import annotations

from sqlalchemy import Dialect
from sqlalchemy.dialects import registry

from andamios_orm.core.errors import NoCurrentSessionError
from andamios_orm.queries.state import State

__all__ = ["sql_text"]


def sql_text(state: State, *, literal_values: bool) -> str:
    """Return the statement in the SQL of its session's database; of DuckDB where there is no session.

    Args:
        state: The query.
        literal_values: Whether values stand in the text.
    """
    options = {"literal_binds": True} if literal_values else {}
    return str(state.statement.compile(dialect=_dialect(state), compile_kwargs=options))


def _dialect(state: State) -> Dialect:
    try:
        return state.dialect
    except NoCurrentSessionError:
        dialect: Dialect = registry.load("duckdb.andamios")()
        return dialect
