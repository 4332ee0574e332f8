"""The rows of a source in a temporary table, beside the keys of the rows that are there already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    TableClause,
    and_,
    cast,
    column,
    distinct,
    func,
    literal,
    select,
    table,
    tuple_,
    type_coerce,
)
from sqlalchemy.types import NULLTYPE

from andamios_orm.core.errors import AndamiosError, ConfigurationError, MultipleResultsError, ValidationError
from andamios_orm.core.keys import equal
from andamios_orm.models.soft_delete.visibility import visible
from andamios_orm.models.types import Encrypted
from andamios_orm.repositories.merging.plan import MergePlan

__all__ = ["GIVEN", "MATCHED", "MergeRows", "given_rows"]

GIVEN = "andamios_orm_merge_given"
"""The temporary table of what a source gives."""

MATCHED = "andamios_orm_merge"
"""The temporary table of the same, with the keys of the rows that are there."""


def given_rows(plan: MergePlan, rows: Select[Any]) -> Select[Any]:
    """Return the query for what a source gives, with the types of the columns that it is for.

    Raises:
        ConfigurationError: A column wants encrypted values.
    """
    position = func.row_number().over().label("position")
    values = (_value(plan, rows, name).label(f"c{number}") for number, name in enumerate(plan.given))
    return rows.with_only_columns(position, *values, maintain_column_froms=True)


def _value(plan: MergePlan, rows: Select[Any], name: str) -> ColumnElement[Any]:
    wanted, found = plan.given[name], rows.selected_columns.get(name)
    fixed = [literal(plan.fixed[name], wanted.type)] if name in plan.fixed else []
    if found is None:
        return _plain(cast(fixed[0], wanted.type))
    if isinstance(wanted.type, Encrypted) and not isinstance(found.type, Encrypted):
        raise ConfigurationError(
            f"{plan.model.__name__}.{name} is encrypted before it is sent, and merge_from() sends nothing: "
            "give rows to upsert_many()"
        )
    value = _plain(cast(_plain(found), wanted.type))
    return func.coalesce(value, *map(_plain, fixed)) if fixed else value


def _plain(value: ColumnElement[Any]) -> ColumnElement[Any]:
    # Some types would put a function around it, or convert it, where nothing passes through Python.
    return type_coerce(value, NULLTYPE)


class MergeRows:
    """The rows that are merged, in the temporary tables.

    Args:
        plan: What is done with them.
    """

    def __init__(self, plan: MergePlan) -> None:
        self._plan = plan
        self._values = [f"c{number}" for number in range(len(plan.given))]
        self._keys = [f"k{number}" for number in range(len(plan.keys))]
        self.table: TableClause = table(
            MATCHED, column("position"), *map(column, self._values), *map(column, self._keys)
        )

    @property
    def keys(self) -> list[ColumnElement[Any]]:
        """The primary keys of the rows that are there; NULL beside new ones."""
        return [self.table.c[name] for name in self._keys]

    def value(self, name: str) -> ColumnElement[Any]:
        """Return the column with the values of an attribute."""
        return self.table.c[self._name(name)]

    def found(self) -> Select[Any]:
        """Return the query for the keys of the rows that are there."""
        keys = (key.label(name) for key, name in zip(self.keys, self._keys, strict=True))
        return select(*keys).where(self.keys[0].is_not(None))

    def new(self) -> Select[Any]:
        """Return the query for the positions of the new rows."""
        return select(self.table.c.position).where(self.keys[0].is_(None))

    def beside(self, listed: FromClause) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """Return the rows, and the columns of further values beside them.

        Args:
            listed: Positions, and further values of the rows there.
        """
        position, *values = listed.c
        named = [value.label(f"v{number}") for number, value in enumerate(values)]
        joined = self.table.outerjoin(listed, self.table.c.position == position)
        # It is called as the table, whose columns are named all the same.
        rows = select(self.table, *named).select_from(joined).subquery(MATCHED)
        return rows, [rows.c[value.key] for value in named]

    def matched(self, those: Select[Any]) -> Select[Any]:
        """Return the query for the rows, beside the keys of those that they are the same as.

        Args:
            those: Finds the objects that count.
        """
        plan, given = self._plan, table(GIVEN, column("position"), *map(column, self._values))
        keys = [getattr(plan.model, name).label(key) for name, key in zip(plan.keys, self._keys, strict=True)]
        same = [getattr(plan.model, name).label(f"m{number}") for number, name in enumerate(plan.match)]
        found = those.with_only_columns(*keys, *same).subquery("found")
        joined = and_(
            *(
                given.c[self._name(name)] == _plain(found.c[f"m{number}"])
                for number, name in enumerate(plan.match)
            )
        )
        rows = select(*given.c, *(_plain(found.c[key]).label(key) for key in self._keys))
        return visible(rows.outerjoin_from(given, found, joined))  # type: ignore[return-value] # it adds options

    def counted(self) -> Select[Any]:
        """Return the query for how many there are, new or not, and how many are wrong."""
        plan, rows = self._plan, self.table.c
        found = self.keys[0].is_not(None)
        same = [self.value(name) for name in plan.match]
        counts = {
            "rows": func.count(),
            "given": func.coalesce(func.max(rows.position), 0),
            "found": func.count(self.keys[0]),
            "found apart": func.count(distinct(_one(self.keys))).filter(found),
            "apart": func.count(distinct(_one(same))),
        }
        counts |= {f"no {name}": func.count().filter(self.value(name).is_(None)) for name in plan.match}
        for name, key in zip(plan.keys, self.keys, strict=True):
            if name in plan.given and name not in plan.match:
                counts[f"other {name}"] = func.count().filter(found, self.value(name) != key)
        for name, value in plan.fixed.items():
            fixed = _plain(cast(literal(value, plan.given[name].type), plan.given[name].type))
            counts[f"wrong {name}"] = func.count().filter(self.value(name) != fixed)
        return select(*(count.label(name) for name, count in counts.items()))

    def present(self) -> Select[Any]:
        """Return the query for how many of the rows a join with the table finds."""
        columns = [self._plan.given[name] for name in self._plan.match]
        same = equal(columns, map(self.value, self._plan.match))
        return select(func.count()).select_from(self.table.join(self._plan.table, same))

    def error(self, counts: Any) -> AndamiosError | None:
        """Return the first error in the rows, by what `counted` has found."""
        return next(self._errors(counts), None)

    def _errors(self, counts: Any) -> Iterator[AndamiosError]:
        plan = self._plan
        names, model = ", ".join(plan.match), plan.model.__name__
        for name in plan.match:
            if counts[f"no {name}"]:
                missing = counts[f"no {name}"]
                yield ConfigurationError(f"rows without {name}, which they are found by: {missing}")
        for name, value in plan.fixed.items():
            if counts[f"wrong {name}"]:
                others = counts[f"wrong {name}"]
                yield ValidationError(model, {name: f"it is {value!r} here; rows with others: {others}"})
        if counts["rows"] > counts["given"]:
            yield MultipleResultsError(f"several {model} are the same as a row by {names}")
        if counts["apart"] < counts["rows"] or counts["found apart"] < counts["found"]:
            yield ConfigurationError(f"several rows are the same by {names}: give each once")
        for name in plan.keys:
            if counts.get(f"other {name}"):
                yield ConfigurationError(
                    f"rows with another {name} than what is there by {names}: {counts[f'other {name}']}. "
                    "Leave the key out, or match by it"
                )

    def _name(self, name: str) -> str:
        return self._values[list(self._plan.given).index(name)]


def _one(columns: list[ColumnElement[Any]]) -> ColumnElement[Any]:
    return columns[0] if len(columns) == 1 else tuple_(*columns)
