"""Columns of a `StrEnum`, which keep the values of its members."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Enum

from andamios_orm.core.errors import ConfigurationError

__all__ = ["StrEnumType"]


class StrEnumType(Enum):
    """One member of a `StrEnum`, kept as its value.

    SQLAlchemy's own `Enum` keeps the *names* of the members. Here the database, and whoever reads it with
    another tool, sees the values. A plain text that is the value of a member is taken too, in comparisons as
    well; another one is refused.

    Args:
        members: The one class.
        options: SQLAlchemy's own. ``native_enum=False`` keeps the values as VARCHAR, so that a member can be
            added without a migration: DuckDB cannot add a label to an enum type.

    Raises:
        ConfigurationError: ``members`` is not one class derived from `StrEnum`.
    """

    cache_ok = True

    def __init__(self, *members: type[StrEnum], **options: Any) -> None:
        # SQLAlchemy adapts a type by making another one, of which it gives the members as an option.
        if "_enums" not in options and not _is_one_class(members):
            raise ConfigurationError(
                f"StrEnumType takes one class derived from enum.StrEnum, not {members!r}"
            )
        super().__init__(*members, **{"values_callable": _values, "validate_strings": True, **options})


def _is_one_class(members: tuple[Any, ...]) -> bool:
    return len(members) == 1 and isinstance(members[0], type) and issubclass(members[0], StrEnum)


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]
