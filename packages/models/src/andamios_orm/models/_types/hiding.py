"""Keep the plain values of encrypted columns out of logs and errors.

What is sent is encrypted, and so is what is logged of it. Here is what SQLAlchemy shows beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from traceback import walk_tb
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import Column, Engine, TypeDecorator, event, exc
from sqlalchemy.sql.compiler import SQLCompiler

from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.models._types.ciphers import HIDDEN, Ciphers

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


def hide_values(column: Column[Any]) -> None:
    """Keep the values of a column out of logs and errors."""
    _columns.add(column)


@event.listens_for(Engine, "handle_error")
def _hide_values(context: ExceptionContext) -> None:
    # A value that its type refuses fails the statement before the other values are encrypted.
    error: Any = context.sqlalchemy_exception
    if isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError):
        error.params = _hidden(error.params, _harmless(context.original_exception))


def _harmless(raised: BaseException) -> set[str]:
    # SQLAlchemy tells its handlers nothing of a statement that it did not get to send. The call that failed
    # knows it. Where there is none such, no parameter is harmless.
    calls = (frame.f_locals for frame, _ in walk_tb(raised.__traceback__))
    compiled = next(
        (call["compiled"] for call in calls if isinstance(call.get("compiled"), SQLCompiler)), None
    )
    types = [] if compiled is None else [(name, bind.type) for bind, name in compiled.bind_names.items()]
    return {name for name, _ in types} - {name for name, type_ in types if _is_encrypted(type_)}


def _is_encrypted(type_: Any) -> bool:
    if isinstance(getattr(type_, "key", None), Ciphers):
        return True
    inner = [type_.impl_instance] if isinstance(type_, TypeDecorator) else []
    return any(_is_encrypted(other) for other in (*inner, *type_._variant_mapping.values()))


def _hidden(parameters: Any, harmless: set[str]) -> Any:
    if isinstance(parameters, Mapping):
        return {name: value if name in harmless else HIDDEN for name, value in parameters.items()}
    return [_hidden(row, harmless) for row in parameters] if isinstance(parameters, list) else parameters
