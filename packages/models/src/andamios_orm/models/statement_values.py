"""Validate the values in ORM-enabled INSERT and UPDATE statements, and the rows that are executed with them.

SQL expressions, and the rows of ``INSERT .. FROM SELECT``, are the database's own and pass. So do statements
to a table instead of a model, and what connections execute: they know no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Column, Insert, Update
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import FromStatement, Mapper
from sqlalchemy.sql import visitors

from andamios_orm.core.dialect.options import nearest
from andamios_orm.core.dml import conflict_clause, with_conflict_clause
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.rules import EXPRESSIONS, Rules
from andamios_orm.models.upserts import CONFLICT_VALUES

if TYPE_CHECKING:
    from sqlalchemy.orm import ORMExecuteState

__all__ = ["check_execution", "refuse_unknown_keys"]

_BULK = ("auto", "bulk")
"""The strategies with which SQLAlchemy takes the keys of rows for names of attributes."""


def check_execution(state: ORMExecuteState, mapper: Mapper[Any], rules: Rules) -> None:
    """Put validated values into what a session is about to execute.

    Raises:
        ValidationError: Some values are refused; nothing was sent.
    """
    values = _StatementValues(mapper, rules)
    state.statement = values.checked_statement(state.statement)
    if isinstance(state.parameters, Mapping):
        state.parameters = values.checked(state.parameters)
    elif state.parameters:
        state.parameters = values.checked_rows(state.parameters)


def refuse_unknown_keys(state: ORMExecuteState, mapper: Mapper[Any]) -> None:
    """Refuse rows with a key that SQLAlchemy would leave out of what it sends, and say nothing.

    Such rows are executed with an INSERT, or with an UPDATE by primary key. The parameters of a statement may
    be among their keys.

    Raises:
        ConfigurationError: There is such a key.
    """
    statement: Any = getattr(state.statement, "_resolved", state.statement)
    rows = _rows_by_attribute(state, statement)
    if not rows:
        return
    known = _settable(mapper)
    allowed = known | _parameters(statement)
    for row in rows:
        if not allowed.issuperset(row):
            name = next(str(key) for key in row if key not in allowed)
            near = nearest(name.rpartition(".")[2], known)
            raise ConfigurationError(
                f"{mapper.class_.__name__} has no attribute {name!r} that rows can set{near}"
            )


def _rows_by_attribute(state: ORMExecuteState, statement: Any) -> Sequence[Mapping[Any, Any]]:
    # The keys of other rows are names of columns or parameters. SQLAlchemy tells them apart in this way.
    given = state.parameters
    by_attribute = isinstance(statement, Insert) or (
        isinstance(statement, Update) and isinstance(given, list)
    )
    if not given or not by_attribute or state.execution_options.get("dml_strategy", "auto") not in _BULK:
        return ()
    return [given] if isinstance(given, Mapping) else given


def _settable(mapper: Mapper[Any]) -> set[str]:
    # Columns of the tables, and what SQLAlchemy takes apart into them; neither expressions nor relationships.
    columns = {name for name, found in mapper.column_attrs.items() if isinstance(found.columns[0], Column)}
    hybrids = {
        name
        for name, descriptor in mapper.all_orm_descriptors.items()
        if descriptor.extension_type is HybridExtensionType.HYBRID_PROPERTY
    }
    return columns | hybrids | set(mapper.composites.keys())


def _parameters(statement: Any) -> set[str]:
    return {element.key for element in visitors.iterate(statement) if isinstance(element, BindParameter)}


class _StatementValues:
    """The values in one statement for a model.

    Args:
        mapper: The mapper of the model.
        rules: Its rules.
    """

    def __init__(self, mapper: Mapper[Any], rules: Rules) -> None:
        self._mapper = mapper
        self._rules = rules
        # The attribute that each key of a value or a parameter means; None for what is not validated.
        self._names: dict[Any, str | None] = {}

    def checked_statement(self, statement: Any) -> Any:
        """Return a copy of a statement with validated values."""
        # A lambda stands for the statement that it returns. Objects may be selected from a RETURNING clause.
        copy = getattr(statement, "_resolved", statement)._clone()
        if isinstance(copy, FromStatement):
            copy.element = self.checked_statement(copy.element)
            return copy
        if copy._values:
            copy._values = type(copy._values)(self._checked_elements(copy._values))
        if getattr(copy, "_multi_values", ()):
            copy._multi_values = tuple(self._checked_list(copy, rows) for rows in copy._multi_values)
        return self._with_checked_conflict(copy)

    def checked(self, row: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return a row, validated."""
        return self._merged(row, self._rules.checked(self._named(row)))

    def checked_rows(self, rows: Iterable[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
        """Return rows, validated."""
        given = list(rows)
        if _are_plain(given):
            keys = list(given[0])
            names = [self._name(key) or "" for key in keys]
            validated = self._rules.checked_columns(
                names, [tuple(map(row.__getitem__, keys)) for row in given]
            )
            return [dict(zip(keys, values, strict=True)) for values in validated]
        checked = self._rules.checked_rows([self._named(row) for row in given])
        return [self._merged(row, values) for row, values in zip(given, checked, strict=True)]

    def _checked_list(self, statement: Any, rows: Sequence[Any]) -> list[dict[Any, Any]]:
        keys = list(statement.table.columns)
        return self.checked_rows(
            [row if isinstance(row, Mapping) else dict(zip(keys, row, strict=False)) for row in rows]
        )

    def _with_checked_conflict(self, statement: Any) -> Any:
        clause = conflict_clause(statement)
        for place in CONFLICT_VALUES:
            if hasattr(clause, place):
                checked = clause._clone()
                setattr(checked, place, self._checked_elements(getattr(clause, place)))
                return with_conflict_clause(statement, checked)
        return statement

    def _checked_elements(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        literal = {key: value.value for key, value in values.items() if self._is_literal(key, value)}
        checked = self.checked(literal)
        return {
            key: _with_value(value, checked[key]) if key in checked else value
            for key, value in values.items()
        }

    def _is_literal(self, key: Any, value: Any) -> bool:
        if not isinstance(value, BindParameter):
            return False
        # A bindparam() with a name may get its value when the statement is executed.
        self._names[value.key] = self._name(key)
        return not value.required

    def _named(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        named = ((self._name(key), value) for key, value in row.items())
        return {name: value for name, value in named if name is not None}

    def _merged(self, row: Mapping[Any, Any], checked: Mapping[str, Any]) -> dict[Any, Any]:
        return {key: checked.get(self._name(key) or "", value) for key, value in row.items()}

    def _name(self, key: Any) -> str | None:
        if key not in self._names:
            name = key if isinstance(key, str) and key in self._mapper.attrs else self._name_of_column(key)
            self._names[key] = name if name in self._rules.annotations else None
        return self._names[key]

    def _name_of_column(self, key: Any) -> str | None:
        column: Any = self._mapper.local_table.columns.get(key) if isinstance(key, str) else key
        known = column is not None and column in self._mapper._columntoproperty
        return self._mapper.get_property_by_column(column).key if known else None


def _are_plain(rows: Sequence[Mapping[Any, Any]]) -> bool:
    # Whether they have the same keys and no SQL expression, so that pydantic takes all of them at once.
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        return False
    kinds = set(map(type, chain.from_iterable(row.values() for row in rows)))
    return not any(issubclass(kind, EXPRESSIONS) for kind in kinds)


def _with_value(parameter: BindParameter[Any], value: Any) -> BindParameter[Any]:
    copy = parameter._clone(maintain_key=True)
    copy.value = value
    return copy
