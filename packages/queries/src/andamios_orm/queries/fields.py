"""Fields of a query, and the way into them: parts of dates, structs and JSON, lengths of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ColumnElement, Integer, extract, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.types import ARRAY, JSON, Boolean, Date, DateTime, Double, NullType, Numeric, Time, TypeEngine

from andamios_orm.core.types import STRUCT
from andamios_orm.queries.errors import UnknownNameError
from andamios_orm.queries.lookups import COMPARISONS, LIST_COMPARISONS, Comparison

__all__ = ["Field", "Simple"]

_DATE_PARTS = ("year", "quarter", "month", "week", "day")
_TIME_PARTS = ("hour", "minute", "second")

_DIGITS = 9
"""How many digits a position in a JSON array has at most; a longer number is a key."""


class _Read(FunctionElement[Any]):
    """Read a value of a JSON document as one of a type; any other is NULL in DuckDB, elsewhere an error."""

    inherit_cache = True
    read_as: ClassVar[str]


class _Number(_Read):
    """Read it as a floating point number."""

    inherit_cache = True
    type = Double()
    read_as = "as_float"


class _Integer(_Read):
    """Read it as a number that an integer is compared with, exactly up to 28 digits."""

    inherit_cache = True
    type = Numeric(38, 10)
    read_as = "as_float"


class _Truth(_Read):
    """Read it as True or False."""

    inherit_cache = True
    type = Boolean()
    read_as = "as_boolean"


class _Day(GenericFunction[date]):
    """The day of a moment."""

    type = Date()
    name = "date_of"
    inherit_cache = True


@compiles(_Day)
def _compile_day(element: _Day, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS DATE)"


@compiles(_Day, "sqlite")
def _compile_day_on_sqlite(element: _Day, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)})"


@compiles(_Read)
def _compile_read(element: _Read, compiler: Any, **options: Any) -> str:
    (item,) = element.clauses
    text: str = compiler.process(getattr(item, element.read_as)(), **options)
    return text


@compiles(_Read, "duckdb")
def _compile_read_on_duckdb(element: _Read, compiler: Any, **options: Any) -> str:
    item: Any
    (item,) = element.clauses
    type_ = compiler.dialect.type_compiler_instance.process(element.type)
    return f"TRY_CAST({compiler.process(item.as_string(), **options)} AS {type_})"


_READERS: dict[type, type[_Read]] = {bool: _Truth, int: _Integer, float: _Number, Decimal: _Number}
"""How a value in a JSON document is read, by the type of what it is compared with."""

Simple = tuple[ColumnElement[Any], Comparison]
"""A field, and what compares it."""


class Field(NamedTuple):
    """A value that each row has.

    Attributes:
        expression: The column, or what was made of it.
        name: How it was asked for, for errors.
        type: Its type.
        keys: The way into it, where it is a JSON document.
    """

    expression: ColumnElement[Any]
    name: str
    type: TypeEngine[Any]
    keys: tuple[str | int, ...] = ()

    @classmethod
    def of(cls, expression: ColumnElement[Any], name: str) -> Field:
        """Return a field."""
        return cls(expression, name, expression.type)

    def value(self, steps: Sequence[str], beside: Any = None) -> ColumnElement[Any]:
        """Return the value that some steps lead to.

        Args:
            steps: The steps.
            beside: What it is computed or compared with, which says what a value of a JSON document is; by
                default it is a text.

        Raises:
            UnknownNameError: One leads nowhere.
        """
        field = self
        for step in steps:
            field = field._into(step) or field._refused(step, ())
        return field._compared_with(beside)

    def condition(self, steps: Sequence[str], value: Any) -> ColumnElement[bool]:
        """Return the condition that some steps, of which the last may be a lookup, make with a value.

        Raises:
            ConfigurationError: The lookup does not take the value.
            UnknownNameError: A step leads nowhere, and is no lookup.
        """
        field = self
        for number, step in enumerate(steps, 1):
            comparison = field._comparison(step) if number == len(steps) else None
            if comparison is not None:
                return comparison(field._compared_with(_sample(step, value)), value)
            field = field._into(step) or field._refused(step, field._comparisons())
        return COMPARISONS["eq"](field._compared_with(value), value)

    def simple(self, steps: Sequence[str]) -> Simple | None:
        """Return what `condition` compares, and how, where that is the same for all values; else None."""
        if self.keys or len(steps) > 1:
            return None
        comparison = self._comparison(steps[0]) if steps else COMPARISONS["eq"]
        return None if comparison is None else (self.expression, comparison)

    @property
    def _kind(self) -> Any:
        return self.type._type_affinity

    def _comparisons(self) -> dict[str, Comparison]:
        return COMPARISONS | LIST_COMPARISONS if isinstance(self.type, ARRAY) else COMPARISONS

    def _comparison(self, step: str) -> Comparison | None:
        return None if step in self._members() else self._comparisons().get(step)

    def _members(self) -> Iterable[str]:
        return self.type.fields if isinstance(self.type, STRUCT) else ()

    def _into(self, step: str) -> Field | None:
        if step in self._members():
            return Field.of(self.expression[step], f"{self.name}__{step}")
        if issubclass(self._kind, JSON):
            key = int(step) if step.isdecimal() and len(step) <= _DIGITS else step
            return self._replace(name=f"{self.name}__{step}", keys=(*self.keys, key))
        part = self._parts().get(step)
        return None if part is None else Field.of(part(self.expression), f"{self.name}__{step}")

    def _parts(self) -> dict[str, Callable[[Any], ColumnElement[Any]]]:
        kind = self._kind
        names: tuple[str, ...] = ()
        if issubclass(kind, Date | DateTime):
            names += _DATE_PARTS
        if issubclass(kind, DateTime | Time):
            names += _TIME_PARTS
        parts: dict[str, Callable[[Any], ColumnElement[Any]]] = {name: _extracted(name) for name in names}
        if issubclass(kind, DateTime):
            parts["date"] = _Day
        if issubclass(kind, ARRAY):
            parts["len"] = lambda values: func.len(values, type_=Integer())
        return parts

    def _compared_with(self, value: Any) -> ColumnElement[Any]:
        if not self.keys:
            return self.expression
        item: Any = self.expression[self.keys]
        kind = _python_type(value)
        found: ColumnElement[Any]
        if kind in _READERS:
            found = _READERS[kind](item)
        else:
            found = item.as_json() if kind in (dict, list) else item.as_string()
        return found

    def _refused(self, step: str, comparisons: Iterable[str]) -> Field:
        known = {*self._members(), *self._parts(), *comparisons}
        raise UnknownNameError(
            step, f"part or lookup of {self.name}" if comparisons else f"part of {self.name}", known
        )


def _extracted(part: str) -> Callable[[Any], ColumnElement[Any]]:
    return lambda moment: extract(part, moment)


def _python_type(value: Any) -> type[Any]:
    type_ = getattr(value, "type", None)
    if not isinstance(type_, TypeEngine):
        return type(value)
    return dict if isinstance(type_, JSON) else str if isinstance(type_, NullType) else type_.python_type


def _sample(lookup: str, value: Any) -> Any:
    # One of the values that a field is compared with.
    if lookup in ("in", "notin", "between") and isinstance(value, list | tuple | set):
        return next(iter(value), None)
    return None if lookup == "isnull" else value
