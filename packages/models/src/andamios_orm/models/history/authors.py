"""Name who changed a row in an upsert, wherever it is executed.

SQLAlchemy sets only the columns that an upsert names. A session completes the upserts of models; a connection
knows no models, but which tables have a history.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table

from andamios_orm.core.dml import conflict_clause
from andamios_orm.models.history.tables import history_of
from andamios_orm.models.upserts import updating_on_conflict

__all__ = ["name_author"]


def name_author(
    connection: Connection, statement: Any, several: Any, parameters: Any, options: Any
) -> tuple[Any, Any, Any]:
    """Let an upsert of a table with a history set ``updated_by``, unless it does.

    It listens to ``before_execute``.
    """
    if conflict_clause(statement) is not None and _is_recorded(statement.table):
        statement = updating_on_conflict(statement)
    return statement, several, parameters


def _is_recorded(table: Any) -> bool:
    return isinstance(table, Table) and history_of(table) is not None
