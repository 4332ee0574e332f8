"""Read versions: what a row was, until when, and who made it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from sqlalchemy import Column, RowMapping, Select, Table, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.session import make_transient_to_detached

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.history.tables import OWN_COLUMNS, add_history

__all__ = ["Operation", "Version", "read_as_of", "read_versions"]

M = TypeVar("M")

Operation = Literal["insert", "update", "delete"]
"""What made a version."""


@dataclass(frozen=True)
class Version(Generic[M]):
    """One version of a row.

    Attributes:
        row: The row as it was; of a deletion, as it was before. It belongs to no session, and has its columns
            and no relationships.
        operation: What made it.
        actor: Who made it, see `actor`.
        correlation_id: The request that it was made for, see core's ``correlation_id``.
        valid_from: When it was made, in UTC.
        valid_to: When the next one was made; None for the present one. Of a deletion, the moment itself.
    """

    row: M
    operation: Operation
    actor: str | None
    correlation_id: str | None
    valid_from: datetime
    valid_to: datetime | None


async def read_versions(session: AsyncSession, model: type[M], key: Any) -> Sequence[Version[M]]:
    """Return all versions of the row of ``model`` with ``key``, oldest first."""
    mapper: Mapper[M] = inspect(model)
    rows = await _rows(session, mapper, _versions(mapper, key).order_by("valid_from", "valid_to"))
    return [_version(mapper, row) for row in rows]


async def read_as_of(session: AsyncSession, model: type[M], key: Any, when: datetime) -> M | None:
    """Return the row of ``model`` with ``key`` as it was at ``when``."""
    if when.tzinfo is None:
        raise ConfigurationError(
            f"as_of() needs a moment with a time zone, such as datetime.now(UTC): {when!r}"
        )
    mapper: Mapper[M] = inspect(model)
    history = _history(mapper)
    valid = (history.c.valid_from <= when, or_(history.c.valid_to.is_(None), history.c.valid_to > when))
    statement = _versions(mapper, key).where(*valid).order_by(history.c.valid_from.desc()).limit(1)
    rows = await _rows(session, mapper, statement)
    return _revived(mapper, rows[0]) if rows else None


async def _rows(session: AsyncSession, mapper: Mapper[Any], statement: Select[Any]) -> Sequence[RowMapping]:
    if session.sync_session.autoflush:
        await session.flush()
    result = await session.execute(statement, bind_arguments={"mapper": mapper})
    rows: Sequence[RowMapping] = result.mappings().all()
    return rows


def _history(mapper: Mapper[Any]) -> Table:
    # Every model with the mixin has one, so none is made here.
    return add_history(mapper.local_table)  # type: ignore[arg-type] # the mixin saw to it that it is a Table


def _versions(mapper: Mapper[Any], key: Any) -> Select[Any]:
    history = _history(mapper)
    columns: Sequence[Any] = mapper.primary_key
    matched = (
        history.c[column.key] == value for column, value in zip(columns, _key(mapper, key), strict=True)
    )
    statement = select(history).where(*matched)
    if mapper.single and mapper.polymorphic_on is not None:
        kinds = [sub.polymorphic_identity for sub in mapper.self_and_descendants]
        statement = statement.where(_kind(mapper).in_(kinds))
    return statement


def _kind(mapper: Mapper[Any]) -> Column[Any]:
    discriminator: Any = mapper.polymorphic_on
    column: Column[Any] = _history(mapper).c[discriminator.key]
    return column


def _key(mapper: Mapper[Any], key: Any) -> tuple[Any, ...]:
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    if isinstance(key, Mapping):
        if key.keys() != set(names):
            raise ConfigurationError(
                f"the key of a {mapper.class_.__name__} is {', '.join(names)}, not {key!r}"
            )
        return tuple(key[name] for name in names)
    values = tuple(key) if isinstance(key, list | tuple) else (key,)
    if len(values) != len(names):
        raise ConfigurationError(f"the key of a {mapper.class_.__name__} is {', '.join(names)}, not {key!r}")
    return values


def _version(mapper: Mapper[M], row: RowMapping) -> Version[M]:
    return Version(_revived(mapper, row), **{name: row[name] for name in OWN_COLUMNS})


def _revived(mapper: Mapper[M], row: RowMapping) -> M:
    # The object looks as if it had been loaded and detached, so that merge() does not take it for a new one.
    history, actual = _history(mapper), _actual(mapper, row)
    instance: M = actual.class_manager.new_instance()
    for name, attribute in actual.column_attrs.items():
        column = attribute.columns[0]
        if isinstance(column, Column):
            set_committed_value(instance, name, row[history.c[column.key]])
    make_transient_to_detached(instance)
    return instance


def _actual(mapper: Mapper[M], row: RowMapping) -> Mapper[Any]:
    if mapper.polymorphic_on is None:
        return mapper
    return mapper.polymorphic_map[row[_kind(mapper)]]
