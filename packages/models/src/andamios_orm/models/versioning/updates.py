"""``update(Model)`` raises the versions of its rows, and those that are found by their keys are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.versioning.rows import version_column, versioned_mapper

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper, ORMExecuteState

__all__ = ["start"]


def start() -> None:
    """Raise versions from now on."""
    event.listen(UnitOfWork, "do_orm_execute", _executing)


def _executing(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper if state.is_update else None
    if mapper is None or versioned_mapper(mapper.local_table) is None:
        return
    name = mapper.get_property_by_column(version_column(mapper)).key
    if state.is_executemany:
        _require_versions(mapper, name, state.parameters)
        return
    # The attribute is set, and not left to the default of its column, so that the objects of the session get
    # the new version too.
    attribute = getattr(mapper.class_, name)
    statement: Any = state.statement
    if not statement._maintain_values_ordering and version_column(mapper) not in (statement._values or {}):
        state.statement = statement.values({attribute: attribute + 1})


def _require_versions(mapper: Mapper[Any], name: str, rows: Any) -> None:
    for number, row in enumerate(rows):
        if name not in row:
            raise ConfigurationError(
                f"row {number} has no {name!r}: say which version of the {mapper.class_.__name__} it "
                "changes. update() with where() compares none"
            )
