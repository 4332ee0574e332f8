"""Options that load related objects, or leave them alone, by the names of relationships."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import inspect
from sqlalchemy.orm import Load, RelationshipProperty

from andamios_orm.queries.errors import UnknownNameError

__all__ = ["Loading", "joinedload", "noload", "selectinload"]


class Loading(NamedTuple):
    """How the objects of a relationship are loaded.

    Attributes:
        load: The name of SQLAlchemy's option for it.
        on_the_way: That of the option for the relationships that lead to it.
        path: Their names, or attributes; the last one is the relationship.
    """

    load: str
    on_the_way: str
    path: tuple[Any, ...]

    @property
    def joins(self) -> bool:
        """Whether it joins them."""
        return self.load == "joinedload"

    def option(self, entity: Any) -> Load:
        """Return SQLAlchemy's option, for a query about an entity.

        Raises:
            UnknownNameError: A name is no relationship.
        """
        option = Load(entity)
        for number, step in enumerate(self.path, 1):
            attribute = _relationship(entity, step if isinstance(step, str) else step.key)
            load = self.load if number == len(self.path) else self.on_the_way
            option = getattr(option, load)(attribute)
            entity = attribute.property.mapper.class_
        return option


def selectinload(*path: Any) -> Loading:
    """Load related objects with one more query for all: ``options(selectinload("flights__plane"))``.

    Args:
        path: Names of relationships, also joined by double underscores, or attributes.
    """
    return Loading("selectinload", "selectinload", _steps(path))


def joinedload(*path: Any) -> Loading:
    """Load related objects with the query itself, by an outer join; see `selectinload`."""
    return Loading("joinedload", "joinedload", _steps(path))


def noload(*path: Any) -> Loading:
    """Do not load related objects, whatever the model says; to look at them raises an error.

    SQLAlchemy's own option of that name, which it is to remove, would show that there are none.
    """
    return Loading("raiseload", "defaultload", _steps(path))


def _steps(path: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part for step in path for part in (step.split("__") if isinstance(step, str) else [step]))


def _relationship(entity: Any, name: str) -> Any:
    mapper = inspect(entity).mapper
    if not isinstance(mapper.attrs.get(name), RelationshipProperty):
        raise UnknownNameError(name, f"relationship of {mapper.class_.__name__}", mapper.relationships.keys())
    return getattr(entity, name)
