"""Make objects of a session out of kept rows, as if they had just been read."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData

if TYPE_CHECKING:
    from sqlalchemy import Result
    from sqlalchemy.engine.interfaces import Compiled
    from sqlalchemy.orm import ORMExecuteState

__all__ = ["columns_read", "objects_made"]


def columns_read(state: ORMExecuteState) -> list[list[Any]]:
    """Return the columns of a query for objects from the database, a list for each row."""
    # On the connection, because a session would make objects of the rows.
    execute = state.session.connection(bind_arguments=state.bind_arguments).execute
    options = state.local_execution_options
    return list(map(list, execute(state.statement, state.parameters or {}, execution_options=options)))


def objects_made(state: ORMExecuteState, compiled: Compiled, rows: Sequence[Sequence[Any]]) -> Result[Any]:
    """Return the result that a session makes of rows.

    Args:
        state: The execution of the query.
        compiled: The query.
        rows: What `columns_read` gave.
    """
    making: Any = state._compile_state_cls
    result: Result[Any] = making.orm_setup_cursor_result(
        state.session,
        state.statement,
        state.parameters,
        state.local_execution_options,
        state.bind_arguments,
        _KeptRows(compiled, rows),
    )
    return result


class _KeptRows(IteratorResult[Any]):
    """Rows that look to the ORM like those of a cursor."""

    def __init__(self, compiled: Compiled, rows: Sequence[Sequence[Any]]) -> None:
        known: Any = compiled
        columns = known._result_columns
        metadata = _Columns(
            [str(number) for number in range(len(columns))], extra=[column.objects for column in columns]
        )
        super().__init__(metadata, map(tuple, rows))
        self.context = SimpleNamespace(compiled=compiled, _is_server_side=False)


class _Columns(SimpleResultMetaData):
    """Knows the columns of such rows, and which ones there are not, such as those of a subclass."""

    def _getter(self, key: Any, raiseerr: bool = True) -> Any:
        return super()._getter(key, raiseerr) if raiseerr or self._has_key(key) else None
