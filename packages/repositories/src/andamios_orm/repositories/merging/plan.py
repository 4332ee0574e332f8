"""What is merged into what: which columns are given, which ones rows are found by, and which ones change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, inspect

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.integrity import constraints_to
from andamios_orm.core.rows import table_of
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories.keys import key_names, version_names

__all__ = ["MergePlan", "Request"]


@dataclass(frozen=True)
class Request:
    """What a caller has asked for.

    Attributes:
        model: The mapped class that is written.
        match: The attributes that rows are found by; None for the primary key.
        update: The attributes that rows which are there get; None for all others that are given.
        fixed: The values that all rows have.
    """

    model: type[Any]
    match: Sequence[str] | None
    update: Sequence[str] | None
    fixed: Mapping[str, Any]


@dataclass(frozen=True)
class MergePlan:
    """What is done with the columns of a source.

    Attributes:
        model: The mapped class that is written.
        given: The columns that get values of the source, by the names of their attributes.
        match: The names among them that rows are found by.
        changed: The names among them that rows which are there get.
        fixed: The values that all rows have.
    """

    model: type[Any]
    given: Mapping[str, Column[Any]]
    match: Sequence[str]
    changed: Sequence[str]
    fixed: Mapping[str, Any]

    @classmethod
    def of(cls, request: Request, names: Iterable[str]) -> MergePlan:
        """Return the plan for a source with these columns.

        Raises:
            ConfigurationError: The source lacks a column that is asked for, or has one that it cannot give.
            UnknownNameError: The model has no such attribute.
        """
        known = _stored(request.model)
        given = {name: known[name] for name in _checked(request.model, known, [*names, *request.fixed])}
        match = _match(request, known)
        missing = next((name for name in match if name not in given), None)
        if missing is not None:
            raise ConfigurationError(f"the source has no {missing}, which its rows are found by")
        for name in version_names(request.model):
            if name in given:
                raise ConfigurationError(f"{name} counts the changes of a row: leave it out of the source")
        changed = _changed(request, known, given, match)
        return cls(request.model, given, match, changed, request.fixed)

    @property
    def table(self) -> Table:
        """The table that is written."""
        return table_of(self.model)

    @property
    def keys(self) -> list[str]:
        """The names of the primary key."""
        return key_names(self.model)


def _stored(model: type[Any]) -> dict[str, Column[Any]]:
    mapper: Any = inspect(model)
    found = {each.key: each.columns[0] for each in mapper.column_attrs}
    return {name: column for name, column in found.items() if isinstance(column, Column)}


def _checked(model: type[Any], known: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise UnknownNameError(name, f"column of {model.__name__}", known)
    return wanted


def _match(request: Request, known: Mapping[str, Any]) -> list[str]:
    if request.match is None:
        return key_names(request.model)
    names = _listed(request.match)
    if not names:
        raise ConfigurationError("match= is empty: name the attributes that a row is found by")
    return _checked(request.model, known, names)


def _changed(
    request: Request, known: Mapping[str, Any], given: Mapping[str, Any], match: Sequence[str]
) -> list[str]:
    keys = key_names(request.model)
    if request.update is None:
        names = [name for name in given if name not in {*match, *keys}]
    else:
        names = _checked(request.model, known, _listed(request.update))
    for name in names:
        if name in keys:
            raise ConfigurationError(f"update= names {name}, and a key is not changed")
        if name not in given:
            raise ConfigurationError(f"update= names {name}, which the source does not give")
        _refuse_referred(request.model, name, known[name])
    return [name for name in names if name not in request.fixed]


def _refuse_referred(model: type[Any], name: str, column: Column[Any]) -> None:
    for constraint in constraints_to(table_of(model)):
        if any(element.column is column for element in constraint.elements):
            raise ConfigurationError(
                f"rows of {constraint.table.name} refer to {model.__name__}.{name}, which merge_from() does "
                "not change: leave it out of update=, or give rows to upsert_many()"
            )


def _listed(names: Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
