"""Why a database has refused a statement, in the words of the query.

The database has the last word: a statement is looked at when it was refused, and never before. What is looked
for, in this order, are values that nobody gave, comparisons with values of another kind, aggregates of what
is no number, and fields beside groups; each only where the error of the database is about such a thing.
Where none of them is found, this error stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain
from reprlib import Repr
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BinaryExpression,
    BindParameter,
    Case,
    Cast,
    ColumnClause,
    Extract,
    Label,
    Over,
    Select,
    UnaryExpression,
    UpdateBase,
    exc,
    inspect,
)
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import ClauseList, ExpressionClauseList, Grouping
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.aggregates import BY_FUNCTION
from andamios_orm.queries.kinds import ValueKind, kind_of, undecorated
from andamios_orm.queries.parameters import named_parameters

if TYPE_CHECKING:
    from andamios_orm.queries.state import State

__all__ = ["Explained"]


class Explained:
    """Say why a statement that is executed inside was refused, where its query tells.

    Args:
        statement: The statement.
        state: Its query.

    Raises:
        ConfigurationError: It was refused, and this is why.
    """

    __slots__ = ("_state", "_statement")

    def __init__(self, statement: Any, state: State) -> None:
        self._statement = statement
        self._state = state

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, exc.StatementError) or isinstance(error, _OTHER_FAULTS):
            return
        refused = _Refused(self._statement, self._state, error)
        said = next(filter(None, (cause(refused) for cause in _CAUSES)), None)
        if said is not None:
            raise ConfigurationError(said) from error


_OTHER_FAULTS = (exc.OperationalError, exc.IntegrityError, exc.InternalError)
"""What happens to statements that are right."""

_SAID: Mapping[str, tuple[str, ...]] = {
    "text": (
        r"(?:string|value|format:|range:) [\"']{text}[\"']",
        r"argument \$\d+: {written}",
        r"operator does not exist: .*character varying",
    ),
    "value": (
        r"Cannot compare values of type ",
        r"source column {column}(?!\w)",
        r"cast \(.+ -> {type}\)",
        r"type '(?:<\w+ ')?(?:\w+\.)*{python}'",
        r"argument \$\d+: {written}",
        r"operator does not exist",
    ),
    "element": (r"Cannot deduce template type '\w+' in function: 'list_contains\(",),
    "aggregate": (
        r"argument types '{function}\(",
        r"function (?!quantile){function}\(.*\) does not exist",
    ),
    "group": (r"must appear in the GROUP BY clause",),
}
"""What databases say where a text or another value cannot be compared with a column, where a value cannot be
in a list, where an aggregate is not of such values (PostgreSQL has no quantile_cont at all), and where a
field stands beside groups.
"""


class _Refused(NamedTuple):
    statement: Any
    state: State
    error: exc.StatementError

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.state.parameters or {}

    @property
    def is_of_database(self) -> bool:
        dbapi: Any = self.state.dialect.loaded_dbapi
        return isinstance(self.error.orig, dbapi.Error)

    def is_about(self, what: str, **facts: str) -> bool:
        # Behind its first paragraph, DuckDB repeats a line of the statement.
        said = str(self.error.orig).partition("\n\nLINE ")[0]
        known = {name: re.escape(fact) for name, fact in facts.items()}
        return any(re.search(pattern.format(**known), said) for pattern in _SAID[what])

    def parts(self, kind: type[Any]) -> Iterator[Any]:
        return (part for part in visitors.iterate(self.statement) if isinstance(part, kind))

    def name(self, element: Any) -> str:
        """Return how a field is asked for; of anything else its SQL."""
        if isinstance(element, BinaryExpression) and element.operator in _INTO_DOCUMENTS:
            keys = getattr(element.right, "value", None)
            return "__".join((self.name(_sql(element.left)), *map(str, _listed(keys))))
        if not isinstance(element, ColumnClause):
            return str(element.compile(dialect=self.state.dialect))
        key = str(element._annotations.get("proxy_key", element.key))
        for path, entity in self.state.scope.joined.items():
            if hash(inspect(entity).selectable) == hash(element.table):
                return "__".join((*path, key))
        return key

    def shown(self, value: Any) -> str:
        is_hidden = self.error.hide_parameters
        return f"a value of type {type(value).__name__}" if is_hidden else _SHORT.repr(value)

    def given(self, parameter: BindParameter[Any]) -> Iterable[Any]:
        given = self.parameters.get(parameter.key) if parameter.required else parameter.value
        return _listed(given) if parameter.expanding else [given]


_INTO_DOCUMENTS = (operators.json_getitem_op, operators.json_path_getitem_op)

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _listed(given: Any) -> Iterable[Any]:
    return given if isinstance(given, list | tuple | set | frozenset) else [given]


def _missing_values(refused: _Refused) -> str | None:
    missing = sorted(named_parameters(refused.statement) - refused.parameters.keys())
    if not missing:
        return None
    if isinstance(refused.statement, UpdateBase):
        return (
            "Param() is for frozen queries, which read: a query that writes gets the values of "
            f"{', '.join(missing)} themselves"
        )
    given = ", ".join(f"{name}=..." for name in missing)
    return (
        f"this query takes values for {', '.join(missing)}: freeze it, and give them, as in "
        f"query.freeze()({given})"
    )


_LOOKUPS: dict[Any, str] = {
    operators.eq: "eq",
    operators.ne: "ne",
    operators.gt: "gt",
    operators.ge: "gte",
    operators.lt: "lt",
    operators.le: "lte",
    operators.in_op: "in",
    operators.not_in_op: "notin",
}

_PLURALS = {"eq": "in", "ne": "notin"}


def _unlike_values(refused: _Refused) -> str | None:
    for comparison in refused.parts(BinaryExpression):
        field, other = comparison.left, comparison.right
        if comparison.operator not in _LOOKUPS or not isinstance(other, BindParameter):
            continue
        kind = kind_of(field.type)
        for value in refused.given(other):
            if not kind.takes(value) and _is_refused(refused, field, other, value):
                lookup, name = _LOOKUPS[comparison.operator], refused.name(field)
                said = f"{lookup} compares {name!r} with {kind.one}, not with {refused.shown(value)}"
                return said + _remedy(kind, lookup, name, value)
    return None


def _is_refused(refused: _Refused, field: Any, parameter: BindParameter[Any], value: Any) -> bool:
    dialect = refused.state.dialect
    if not refused.is_of_database:
        return _is_unreadable(parameter.type.dialect_impl(dialect).bind_processor(dialect), value)
    written = repr(value)[:_WRITTEN]
    if isinstance(value, str):
        return refused.is_about("text", text=value, written=written)
    return refused.is_about(
        "value",
        column=getattr(field, "name", ""),
        type=field.type.compile(dialect),
        python=type(value).__name__,
        written=written,
    )


_WRITTEN = 40
"""How much of a value the driver of PostgreSQL shows."""


def _is_unreadable(process: Any, value: Any) -> bool:
    if process is None:
        return False
    try:
        process(value)
    except Exception:  # SQLAlchemy takes whatever a type raises for a value that cannot be sent
        return True
    return False


def _unlike_elements(refused: _Refused) -> str | None:
    for call in refused.parts(FunctionElement) if refused.is_about("element") else ():
        if getattr(call, "name", "") != "list_contains":
            continue
        field, *others = map(_sql, call.clauses)
        if not isinstance(field.type, ARRAY):
            continue
        kind = kind_of(field.type.item_type)
        given = (refused.given(other) for other in others if isinstance(other, BindParameter))
        value = next(chain.from_iterable(given), None)
        if not kind.takes(value):
            return f"has looks for {kind.one} in {refused.name(field)!r}, not for {refused.shown(value)}"
    return None


def _remedy(kind: ValueKind, lookup: str, name: str, value: Any) -> str:
    remedy = ""
    if _listed(value) is value and lookup in _PLURALS:
        remedy = f": to look for any of them, there is {name}__{_PLURALS[lookup]}"
    elif kind.one == "a list" and lookup == "eq":
        remedy = f": to look for it in the list, there is {name}__has"
    elif isinstance(value, Enum):
        remedy = ": give its .value"
    elif hasattr(value, "dtype"):
        remedy = ": give its .item(), which is Python's"
    return remedy


def _unlike_aggregates(refused: _Refused) -> str | None:
    for call in refused.parts(FunctionElement):
        aggregate = BY_FUNCTION.get(getattr(call, "name", ""))
        if aggregate is None or aggregate.kinds is None:
            continue
        of = next(map(_sql, call.clauses), None)
        if isinstance(of, UnaryExpression) and of.operator is operators.distinct_op:
            of = _sql(of.element)
        held = "values" if of is None else kind_of(undecorated(of.type)).many
        if held not in aggregate.kinds and refused.is_about("aggregate", function=aggregate.function):
            remedy = ": where these are numbers, cast() them" if held == "texts" else ""
            what = refused.name(of)
            return f"{aggregate.__name__} is of {aggregate.wanted}, and {what!r} holds {held}{remedy}"
    return None


def _beside_groups(refused: _Refused) -> str | None:
    for query in refused.parts(Select) if refused.is_about("group") else ():
        listed = (key.clauses if isinstance(key, ClauseList) else [key] for key in query._group_by_clauses)
        keys = [_sql(key) for keys in listed for key in keys]
        for element in (*query._raw_columns, *query._having_criteria, *query._order_by_clauses):
            column = next(_beside(keys, element), None) if keys else None
            if column is not None:
                name = refused.name(column)
                groups = ", ".join(_key_name(key, query, refused) for key in keys)
                return (
                    f"{name!r} may have several values in a group of {groups}: aggregate it, as in "
                    f"Max({name!r}), or name it in group_by() too"
                )
    return None


_TRANSPARENT = (
    UnaryExpression,
    BinaryExpression,
    Grouping,
    Cast,
    Case,
    Extract,
    ClauseList,
    ExpressionClauseList,
    Over,
)
"""What has several values where a part of it has them; of functions, only the database knows."""


def _beside(keys: Sequence[Any], given: Any) -> Iterator[ColumnClause[Any]]:
    element = _sql(given)
    if any(element.compare(key) for key in keys):
        return
    if isinstance(element, ColumnClause) and element.table is not None:
        yield element
    elif isinstance(element, _TRANSPARENT):
        # What a window function is computed of stands outside of aggregates too.
        inside = getattr(element.element, "clauses", ()) if isinstance(element, Over) else ()
        for part in (*inside, *element.get_children()):
            yield from _beside(keys, part)


def _key_name(key: Any, query: Select[Any], refused: _Refused) -> str:
    labels = (column for column in query._raw_columns if isinstance(column, Label))
    return next((label.name for label in labels if _sql(label).compare(key)), None) or refused.name(key)


def _sql(given: Any) -> Any:
    # Of what was named, attributes may stand inside of functions, and of a group, its label.
    element = given.__clause_element__() if isinstance(given, QueryableAttribute) else given
    return _sql(element.element) if isinstance(element, Label) else element


_CAUSES = (_missing_values, _unlike_values, _unlike_elements, _unlike_aggregates, _beside_groups)
