"""Primary keys: one that the database numbers, one that the application makes, and those that rows have.

A key that comes from outside, such as the code of an airline, is declared where the model is::

    class Airline(BaseModel):
        code: Mapped[NaturalKey[str]]

Several of them make up a composite key, in the order in which they stand there.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Uuid, event
from sqlalchemy.orm import Mapped, class_mapper, mapped_column
from uuid_utils.compat import uuid7

__all__ = ["GENERATED_INTEGER", "IntegerKey", "NaturalKey", "UUIDKey", "is_key"]

T = TypeVar("T")

_FIRST = -100
"""Keys stand before the other columns of their table, also those of a mixin."""

GENERATED_INTEGER = BigInteger().with_variant(Integer, "sqlite")
"""The type of keys that the database numbers; SQLite numbers INTEGER alone."""

NaturalKey = Annotated[T, mapped_column(primary_key=True, autoincrement=False, sort_order=_FIRST)]
"""A column of the primary key whose value the application gives: ``code: Mapped[NaturalKey[str]]``."""


class IntegerKey:
    """Give a model ``id``, an integer that a sequence of the database makes when the row is inserted."""

    if TYPE_CHECKING:
        id: Mapped[int]
    else:
        # SQLAlchemy lets a dataclass take only those columns of a plain mixin that have no annotation.
        id = mapped_column(
            GENERATED_INTEGER,
            primary_key=True,
            autoincrement=True,
            sort_order=_FIRST,
        )


class UUIDKey:
    """Give a model ``id``, a UUID of version 7 that the application makes when the object is made.

    So it is known before anything is sent, and no two databases make the same. Keys made later sort later
    (RFC 9562), which keeps the index compact. A statement or `bulk_insert` that leaves ``id`` out gets a key
    for each row.
    """

    if TYPE_CHECKING:
        id: Mapped[uuid.UUID]
    else:
        id = mapped_column(Uuid, primary_key=True, default=uuid7, sort_order=_FIRST)


def is_key(item: Any) -> bool:
    """Whether an item of a table is a column of its primary key, or the constraint that names the columns."""
    return isinstance(item, PrimaryKeyConstraint) or (isinstance(item, Column) and item.primary_key)


@event.listens_for(UUIDKey, "init", propagate=True)
def _give_key(instance: Any, arguments: Any, values: dict[str, Any]) -> None:
    if "id" not in values:
        # It is set directly instead of being added to `values`, because a constructor that the user wrote
        # need not accept it. The attribute exists when the mappers are configured, as class_mapper() does.
        class_mapper(type(instance))
        instance.id = uuid7()
