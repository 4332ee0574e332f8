"""Tables that are read and never written, and the models that are mapped to them.

A write is refused wherever it comes from: a flush, a statement of an ORM session or of a plain connection, a
bulk insert; with any engine, because what is no table has to be refused by somebody.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Table, event
from sqlalchemy.sql.schema import ForeignKeyConstraint

from andamios_orm.core.dml import bulk_table, hidden_tables, table_of
from andamios_orm.core.errors import NotSupportedError
from andamios_orm.models.declarative import BaseModel

__all__ = ["ReadOnlyModel", "ReadOnlyTable"]


class ReadOnlyTable(Table):
    """A table of whose rows somebody else takes care."""

    inherit_cache = True

    remedy = ""
    """What to do instead of writing."""

    @property
    def foreign_key_constraints(self) -> set[ForeignKeyConstraint]:
        """Return none: a foreign key tells how to join, and is not checked."""
        return set()


class ReadOnlyModel(BaseModel):
    """Base of the models that are read only."""

    __abstract__ = True


def _refuse_flush(mapper: Any, connection: Any, target: Any) -> None:
    _refuse(connection.dialect.name, mapper.local_table)


for _name in ("before_insert", "before_update", "before_delete"):
    event.listen(ReadOnlyModel, _name, _refuse_flush, propagate=True)


@event.listens_for(Engine, "before_cursor_execute")
def _refuse_statement(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, multiple: bool
) -> None:
    for table in _written(context, parameters):
        if isinstance(table, ReadOnlyTable):
            _refuse(connection.dialect.name, table)


def _written(context: Any, parameters: Any) -> list[Any]:
    if (table := bulk_table(parameters)) is not None:
        return [table]
    compiled = getattr(context, "compiled", None)
    state = getattr(compiled, "dml_compile_state", None)
    return [*hidden_tables(compiled), *([] if state is None else [table_of(state.statement.table)])]


def _refuse(backend: str, table: Any) -> None:
    raise NotSupportedError.of(backend, f"writing to {table.name!r}, which is read only", table.remedy)
