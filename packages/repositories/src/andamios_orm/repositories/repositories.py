"""The repositories that application code subclasses."""

from __future__ import annotations

from typing import TypeVar

from andamios_orm.repositories.merging.merging import Merging
from andamios_orm.repositories.relationships.relationships import Relating
from andamios_orm.repositories.upserts import Upserting
from andamios_orm.repositories.writing import Writing

__all__ = ["BaseRepository", "GenericRepository"]

T = TypeVar("T")


class BaseRepository(Writing[T]):
    """Create, read, update and delete the objects of a model: ``class Users(BaseRepository[User])``."""


class GenericRepository(Upserting[T], Merging[T], Relating[T], BaseRepository[T]):
    """Do what `BaseRepository` does, and find, count, page, and write many objects at once."""
