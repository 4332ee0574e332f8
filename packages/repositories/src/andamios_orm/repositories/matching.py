"""Find the rows of a table that given rows are the same as, by some of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, FromClause, Integer, Select, column, inspect, values
from sqlalchemy.orm import Session

from andamios_orm.core.errors import MultipleResultsError
from andamios_orm.core.keys import key_list
from andamios_orm.repositories.keys import AT_ONCE, key_names, version_names

__all__ = ["matched"]


def matched(
    session: Session,
    model: type[Any],
    those: Select[Any],
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> dict[int, dict[str, Any]]:
    """Return the primary key of what is there, and its version if it has one, by the row that is the same.

    The database compares, so that it is what its constraints compare.

    Args:
        session: Where it is looked for.
        model: The mapped class.
        those: Finds the objects that count.
        names: The attributes that a row is found by.
        rows: The rows.

    Raises:
        MultipleResultsError: Several rows of the table are the same as a given one.
    """
    if not rows:
        return {}
    told = [*key_names(model), *version_names(model)]
    given = [(*map(row.__getitem__, names), number) for number, row in enumerate(rows)]
    found: dict[int, dict[str, Any]] = {}
    for listed in _lists(session, model, names, given):
        *same, position = listed.c
        criteria = (getattr(model, name) == value for name, value in zip(names, same, strict=True))
        wanted = those.with_only_columns(position, *(getattr(model, name) for name in told)).where(*criteria)
        for number, *row in session.execute(wanted):
            if number in found:
                raise MultipleResultsError(
                    f"several {model.__name__} are the same as row {number} by {', '.join(names)}"
                )
            found[number] = dict(zip(told, row, strict=True))
    return found


def _lists(
    session: Session, model: type[Any], names: Sequence[str], given: Sequence[tuple[Any, ...]]
) -> list[FromClause]:
    dialect = session.get_bind(inspect(model)).dialect
    columns: list[Column[Any]] = [getattr(model, name).property.columns[0] for name in names]
    if dialect.name == "duckdb":
        return [key_list([*columns, Column("position", Integer)], given, dialect)]
    described = [column(f"v{number}", each.type) for number, each in enumerate(columns)]
    listed = values(*described, column("position", Integer), name="given")
    parts = (given[start : start + AT_ONCE] for start in range(0, len(given), AT_ONCE))
    # As a CTE, because SQLite and MariaDB do not name the columns of VALUES elsewhere.
    return [listed.data(part).cte("given") for part in parts]
