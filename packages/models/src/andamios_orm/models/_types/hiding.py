"""Keep the plain values of encrypted columns out of logs and errors.

What is sent is encrypted, and so is what is logged of it. Here is what SQLAlchemy shows beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import Column, Engine, event, exc

from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.models._types.ciphers import HIDDEN

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

__all__ = ["hide_values"]

_columns: WeakSet[Column[Any]] = WeakSet()
"""The columns whose values are not to be seen."""


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _hide_rows(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, multiple: bool
) -> tuple[str, Any]:
    # The rows of a bulk insert are encrypted when they are written; what is logged before is not sent.
    if isinstance(parameters, BulkRows) and parameters._convert is not None:
        names = {column.name for column in parameters.plan.table.columns if column in _columns}
        if not names.isdisjoint(parameters.plan.columns):
            shown = (_shown(row, parameters.plan.columns, names) for row in parameters)
            return statement, BulkRows.of(shown, parameters.plan, parameters._convert)
    return statement, parameters


def _shown(row: Sequence[Any], columns: Sequence[str | None], names: set[str]) -> tuple[Any, ...]:
    return tuple(HIDDEN if column in names else value for column, value in zip(columns, row, strict=False))


_COUNTER = re.compile(r"_m?\d+$")
"""What is added to the name of a column where one parameter of it is not enough."""


def hide_values(column: Column[Any]) -> None:
    """Keep the values of a column out of logs and errors."""
    _columns.add(column)


@event.listens_for(Engine, "handle_error")
def _hide_values(context: ExceptionContext) -> None:
    # A value that its type refuses fails the statement before the other values are encrypted.
    error: Any = context.sqlalchemy_exception
    if isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError):
        names = {name for column in _columns for name in (column.key, column.name)}
        error.params = _hidden(error.params, names)


def _hidden(parameters: Any, names: set[str]) -> Any:
    if isinstance(parameters, Mapping):
        return {
            name: HIDDEN if _COUNTER.sub("", str(name)) in names or name in names else value
            for name, value in parameters.items()
        }
    return [_hidden(row, names) for row in parameters] if isinstance(parameters, list) else parameters
