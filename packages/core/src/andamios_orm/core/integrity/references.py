"""Foreign keys as references: who refers to whom, and the statements that find what refers to nothing.

The keys of what is written are values as Python has them, those of what is in the database are in the
engine's own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    MetaData,
    Select,
    Table,
    and_,
    delete,
    exc,
    exists,
    func,
    literal,
    select,
    text,
    update,
)

from andamios_orm.core.errors import ForeignKeyError, NotSupportedError
from andamios_orm.core.keys import Key, columns_in, equal, key_list, word_list

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, Delete, Exists, FromClause, Subquery, Update
    from sqlalchemy.engine import Dialect

__all__ = ["Reference", "constraints_to"]

_REFERRERS = "andamios_orm_referrers"
"""Where a MetaData's ``info`` keeps who refers to its tables."""

_NO_ACTIONS = ("NO ACTION", "RESTRICT")
_ACTIONS = ("CASCADE", "SET NULL", "SET DEFAULT")


class Reference(NamedTuple):
    """A foreign key, in the schemas that an execution puts its tables into."""

    constraint: ForeignKeyConstraint
    schemas: frozenset[tuple[str | None, str | None]]
    """The items of SQLAlchemy's ``schema_translate_map``."""

    @property
    def columns(self) -> list[Column[Any]]:
        """The columns that refer."""
        return [element.parent for element in self.constraint.elements]

    @property
    def referred(self) -> list[Column[Any]]:
        """The columns that are referred to.

        Raises:
            sqlalchemy.exc.NoReferencedTableError: Their table is not in the MetaData.
        """
        return [element.column for element in self.constraint.elements]

    @property
    def action(self) -> str | None:
        """What to do with rows whose parent was deleted; None to refuse that.

        Raises:
            NotSupportedError: There is no such action.
        """
        action = (self.constraint.ondelete or "NO ACTION").upper()
        if action not in (*_NO_ACTIONS, *_ACTIONS):
            raise NotSupportedError.of(
                "duckdb",
                f"ondelete={self.constraint.ondelete!r}",
                f"use one of {', '.join((*_ACTIONS, *_NO_ACTIONS))}",
            )
        return action if action in _ACTIONS else None

    def count_found(self, keys: Collection[Key], dialect: Dialect) -> Select[Any]:
        """Count how many of ``keys`` have a parent; a key alone counts for each of its parents."""
        if len(keys) == 1:
            # Most transactions have one key of a reference, and this query is the cheapest.
            (key,) = keys
            return select(func.count()).where(equal(self.referred, map(_literal, key, self.columns)))
        listed = key_list(self.columns, keys, dialect)
        return select(func.count()).select_from(listed).where(self._has_parent(listed.c))

    def orphan_of(self, listed: Subquery) -> Select[Any]:
        """Find one of the keys that are ``listed`` that a row refers to, and that has no parent."""
        child = self.constraint.table.alias()
        found = select(*listed.c).select_from(listed)
        found = found.join(child, equal(columns_in(child, self.columns), listed.c))
        return found.where(~self._has_parent(listed.c)).order_by(*listed.c).limit(1)

    def orphan(self) -> Select[Any]:
        """Find the key of one row, whichever, that refers to nothing."""
        given = and_(*(column.is_not(None) for column in self.columns))
        found = select(*self.columns).where(given, ~self._has_parent(self.columns))
        return found.order_by(*self.columns).limit(1)

    def act(self, keys: Collection[Key]) -> Delete | Update:
        """Do what ``ondelete`` says with the rows whose key is one of ``keys`` and has no parent any more.

        Args:
            keys: The keys, in the engine's words.
        """
        listed = word_list(self.referred, keys)
        affected = (equal(self.columns, listed.c), ~self._has_parent(listed.c))
        if self.action == "CASCADE":
            return delete(self.constraint.table).where(*affected)
        value = None if self.action == "SET NULL" else text("DEFAULT")
        return update(self.constraint.table).where(*affected).values(dict.fromkeys(self.columns, value))

    def referred_by(self, parent: FromClause) -> ColumnElement[bool]:
        """Tell of a row of ``parent`` whether another row refers to it."""
        child = self.constraint.table.alias()
        matched = equal(columns_in(child, self.columns), columns_in(parent, self.referred))
        return exists().where(matched).correlate(parent)

    def error(self, key: Key, *, removed: bool, hidden: bool) -> ForeignKeyError:
        """Return the error for rows with this key.

        Args:
            key: The key.
            removed: Whether its parent was removed, rather than never there.
            hidden: Whether to keep the key out of the message.
        """
        child, parent = _named(self.columns), _named(self.referred)
        value = key[0] if len(key) == 1 else key
        shown = "" if hidden else f" {value!r}"
        if removed:
            message = (
                f"{parent}{shown} is gone, and {child} still refers to it; nothing was written. Remove or "
                "change the rows that refer to it in the same transaction, or declare their foreign key with "
                'ondelete="CASCADE" or ondelete="SET NULL"'
            )
        else:
            message = (
                f"{child} refers to {parent}{shown}, which does not exist; nothing was written. Add that row "
                f"in the same transaction, or give {child} another value"
            )
        error = ForeignKeyError(message)
        error.table, error.referred_table = self.columns[0].table.fullname, self.referred[0].table.fullname
        error.columns = tuple(column.name for column in self.columns)
        error.column = error.columns[0] if len(key) == 1 else None
        error.referred_columns = tuple(column.name for column in self.referred)
        error.value = value
        return error

    def _has_parent(self, key: Iterable[ColumnElement[Any]]) -> Exists:
        # The parent gets another name, because a table may refer to itself.
        parent = self.referred[0].table.alias()
        matched = equal(columns_in(parent, self.referred), key)
        return exists().select_from(parent).where(matched).correlate_except(parent)


def constraints_to(table: Table) -> Sequence[ForeignKeyConstraint]:
    """Return the foreign keys that refer to ``table``, of all tables of its MetaData."""
    metadata = table.metadata
    present = [(other, len(other.foreign_keys)) for other in metadata.tables.values()]
    known = metadata.info.get(_REFERRERS)
    if known is None or known[0] != present:
        known = metadata.info[_REFERRERS] = (present, _referrers(metadata))
    found: Sequence[ForeignKeyConstraint] = known[1].get(table.key, ())
    return found


def _referrers(metadata: MetaData) -> dict[str, list[ForeignKeyConstraint]]:
    referrers: dict[str, list[ForeignKeyConstraint]] = {}
    for table in metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            try:
                key = constraint.referred_table.key
            except exc.NoReferencedTableError:
                # Its parent is not in the MetaData. A write to its table raises this error.
                continue
            referrers.setdefault(key, []).append(constraint)
    return referrers


def _literal(value: Any, column: Column[Any]) -> ColumnElement[Any]:
    return literal(value, column.type)


def _named(columns: Sequence[Column[Any]]) -> str:
    table, names = columns[0].table.fullname, ", ".join(column.name for column in columns)
    return f"{table}.{names}" if len(columns) == 1 else f"{table}({names})"
