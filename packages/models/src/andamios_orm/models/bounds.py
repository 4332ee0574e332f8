"""Turn the bounds in the annotations of a model into CHECK constraints, for all who write into its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen
from sqlalchemy import CheckConstraint, Column, ColumnElement, Integer, String, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models._types.money import Money
from andamios_orm.models.annotations import ColumnField, column_fields, constraints_of, flat

__all__ = ["add_checks"]


_KEY = "andamios_bound"
"""In the ``info`` of a constraint: the name that it was given, which the naming convention extends."""


class _CharLength(FunctionElement[int]):
    """The number of characters of a text; ``length`` would be that of its bytes on MySQL."""

    type = Integer()
    name = "char_length"
    inherit_cache = True


@compiles(_CharLength)
def _char_length(element: _CharLength, compiler: SQLCompiler, **options: Any) -> str:
    name = "length" if compiler.dialect.name == "sqlite" else "char_length"
    return f"{name}({compiler.process(element.clauses, **options)})"


_CHECKS: dict[type[Any], tuple[str, Callable[[Column[Any], Any], ColumnElement[bool]] | None]] = {
    Ge: ("ge", lambda column, bound: column >= bound.ge),
    Gt: ("gt", lambda column, bound: column > bound.gt),
    Le: ("le", lambda column, bound: column <= bound.le),
    Lt: ("lt", lambda column, bound: column < bound.lt),
    MinLen: ("min_length", lambda column, bound: _CharLength(column) >= bound.min_length),
    MaxLen: ("max_length", lambda column, bound: _CharLength(column) <= bound.max_length),
}
"""Of each kind of bound its name and its check."""


def add_checks(model: type[Any]) -> None:
    """Add a CHECK constraint to the table of a model for each bound of its columns.

    Raises:
        ConfigurationError: What the table keeps is not the value that is bounded.
    """
    table: Any = model.__table__
    known = {constraint.info.get(_KEY) for constraint in table.constraints}
    for field in column_fields(model).values():
        if field.column.table is table:
            _add(model, field, known)


def _add(model: type[Any], field: ColumnField, known: set[Any]) -> None:
    for bound in _bounds(field.annotation):
        kind, check = _CHECKS.get(type(bound), ("", None))
        name = f"{field.column.name}_{kind}"
        # A subclass shares the columns, and the constraints, of its parent's table.
        if check is not None and name not in known:
            _refuse_unlike(model, field, bound)
            # SQLAlchemy adds it to the table of the column that it is about.
            CheckConstraint(check(field.column, bound), name=name, info={_KEY: name})


def _bounds(annotation: Any) -> Iterator[Any]:
    for constraint in flat(constraints_of(annotation)):
        if isinstance(constraint, GroupedMetadata):
            yield from constraint
        else:
            yield constraint


def _refuse_unlike(model: type[Any], field: ColumnField, bound: Any) -> None:
    kind = field.column.type
    # A type decorator may keep something else than the value, as Encrypted does; Money keeps the amount.
    if (isinstance(kind, TypeDecorator) and not isinstance(kind, Money)) or (
        isinstance(bound, MinLen | MaxLen) and not isinstance(kind, String)
    ):
        raise ConfigurationError(
            f"{model.__name__}.{field.name} is kept as {type(kind).__name__}, of which {bound} cannot be a "
            "CHECK: leave out __check_constraints__, and declare the others in __table_args__"
        )
