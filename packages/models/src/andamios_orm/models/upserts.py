"""Let an upsert set what an UPDATE of the model would set by itself, such as ``updated_at``.

SQLAlchemy sends an upsert with the columns that it names, and leaves all others of the row as they are. Here:

* A column with ``onupdate`` is set as well, unless the statement sets it.
* Where the same function makes the value of new and of changed rows, the row gets the value that it would
  have been inserted with. So a value that the statement gives to the new row is kept.
* Another function is called once for the statement. One that takes SQLAlchemy's context is not called,
  because there is no context before the execution; its column stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import unwrap
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnDefault, literal
from sqlalchemy.orm import FromStatement

from andamios_orm.core.dml import conflict_clause, with_conflict_clause

if TYPE_CHECKING:
    from sqlalchemy import Column

__all__ = ["CONFLICT_VALUES", "updating_on_conflict"]

CONFLICT_VALUES = {"update_values_to_set": "excluded", "update": "inserted"}
"""Where the clause of an upsert keeps what it sets, and what its INSERT calls the row that was refused: on
PostgreSQL and its like, and on MySQL."""


def updating_on_conflict(statement: Any) -> Any:
    """Return an INSERT whose upsert, if it has one, sets the columns with ``onupdate`` too."""
    # A lambda stands for the statement that it returns.
    insert = getattr(statement, "_resolved", statement)
    if isinstance(insert, FromStatement):
        # Objects are selected from what the INSERT returns.
        selecting = insert._clone()
        selecting.element = updating_on_conflict(insert.element)
        return selecting
    clause = conflict_clause(insert)
    for place, refused in CONFLICT_VALUES.items():
        if hasattr(clause, place):
            return _completed(insert, clause, place, refused)
    return statement


def _completed(insert: Any, clause: Any, place: str, refused: str) -> Any:
    given = getattr(clause, place)
    names = {name if isinstance(name, str) else name.key for name in given}
    made = dict(_made(insert, getattr(insert, refused), names))
    completed = clause._clone()
    setattr(completed, place, {**given, **made})
    return with_conflict_clause(insert, completed)


def _made(insert: Any, refused: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    for column in insert.table.columns:
        onupdate = column.onupdate
        if not isinstance(onupdate, ColumnDefault) or column.key in names:
            continue
        if _is_made_like_new(column):
            yield column.key, refused[column.key]
        elif onupdate.is_clause_element:
            yield column.key, onupdate.arg
        elif onupdate.is_scalar:
            yield column.key, literal(onupdate.arg, column.type)
        elif not onupdate.compare_argument(onupdate.arg):
            # SQLAlchemy has put a function of the context around the one that was given, which takes none.
            yield column.key, literal(onupdate.arg(None), column.type)


def _is_made_like_new(column: Column[Any]) -> bool:
    made = [default for default in (column.default, column.onupdate) if isinstance(default, ColumnDefault)]
    functions = [unwrap(default.arg) for default in made if default.is_callable]
    return len(functions) == 2 and functions[0] is functions[1]
