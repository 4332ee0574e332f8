"""The objects that were given, one beside and inside of the other, and what their places say about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pydantic
from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.util import duck_type_collection

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, NotFoundError, ValidationError
from andamios_orm.models import SoftDeleteMixin
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories.entities import given_values, held, without
from andamios_orm.repositories.keys import key_names, key_of
from andamios_orm.repositories.relationships.related import (
    counterparts,
    identity,
    implied,
    members,
    owns,
    refers,
    refuse_removal,
    relationship_of,
)

__all__ = ["Node", "check", "children_of", "foreign_values", "given_for", "located", "not_found", "usable"]

Relationship = RelationshipProperty[Any]


@dataclass(eq=False)
class Node:
    """One object, and what was given for it.

    Attributes:
        model: The mapped class.
        given: A dict, a pydantic model, or None.
        extra: Further values, by the names of attributes.
        entity: The object; None as long as it is not found, or not made.
        parent: What it is nested in.
        via: The relationship that leads to it from there.
        path: Where it stands in what was given.
        key: The primary key that was given.
        values: What the object is to get, where it was there before.
        parts: What was given for relationships, by their names.
        relations: What they are to lead to.
        present: What they lead to so far, as far as that may change.
        beyond: What else they lead to, which scopes are not about.
        source: ``given``, as it was at first.
    """

    model: type[Any]
    given: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    entity: Any = None
    parent: Node | None = None
    via: Relationship | None = None
    path: str = ""
    key: tuple[Any, ...] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    relations: dict[Relationship, list[Node]] = field(default_factory=dict)
    present: dict[Relationship, list[Any]] = field(default_factory=dict)
    beyond: dict[Relationship, list[Any]] = field(default_factory=dict)
    source: Any = None

    def __post_init__(self) -> None:
        self.source = self.given

    @property
    def is_persistent(self) -> bool:
        """Whether its object has a row."""
        return self.entity is not None and bool(inspect(self.entity).persistent)

    @property
    def is_child(self) -> bool:
        """Whether it belongs to what it is nested in, by a foreign key of its own."""
        return self.via is not None and owns(self.via)

    def below(self, name: str) -> str:
        """Return where a value of it stands."""
        return f"{self.path}.{name}" if self.path else name

    def targets(self, relationship: Relationship) -> list[Any]:
        """Return the objects that a relationship is to lead to."""
        return [*(child.entity for child in self.relations[relationship]), *self.beyond[relationship]]

    def removed(self, relationship: Relationship) -> list[Any]:
        """Return the objects that a relationship is not to lead to any more."""
        kept = set(map(id, self.targets(relationship)))
        return [each for each in self.present[relationship] if id(each) not in kept]


def children_of(node: Node, session: AsyncSession, outside: Collection[int]) -> Iterator[Node]:
    """Return what is nested in an object, matched with its children; its relationships are loaded.

    Args:
        node: The object.
        session: Its session.
        outside: What scopes are not about, by ``id()``.

    Raises:
        ConfigurationError: What was given cannot be meant.
        NotFoundError: There is no child with a key that was given.
    """
    for name, given in node.parts.items():
        relationship = relationship_of(type(node.entity), name)
        there = members(node.entity, relationship)
        node.present[relationship] = [each for each in there if id(each) not in outside]
        node.beyond[relationship] = [each for each in there if id(each) in outside]
        model, listed = relationship.mapper.class_, _several(node, relationship, given, node.below(name))
        children = [
            _child(Node(model, each, parent=node, via=relationship, path=path), node, relationship, session)
            for path, each in listed
        ]
        node.relations[relationship] = children
        if owns(relationship):
            _match(children, node.present[relationship])
        yield from children


def _match(children: Iterable[Node], present: Iterable[Any]) -> None:
    known = {inspect(each).identity: each for each in present}
    for child in children:
        if child.key is not None:
            child.entity = known.get(child.key)
            if child.entity is None and _is_generated(child.model):
                raise not_found(child)


def _several(node: Node, relationship: Relationship, given: Any, path: str) -> list[tuple[str, Any]]:
    if not relationship.uselist:
        return [] if given is None else [(path, given)]
    if isinstance(given, Mapping) and duck_type_collection(getattr(node.entity, relationship.key)) is dict:
        return [(f"{path}[{key!r}]", each) for key, each in given.items()]
    if isinstance(given, Mapping | str | pydantic.BaseModel) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{path} leads to several: give a list, not {given!r}")
    return [(f"{path}[{number}]", each) for number, each in enumerate(given)]


def _child(child: Node, parent: Node, via: Relationship, session: AsyncSession) -> Node:
    given = child.given
    with located(child.path):
        if isinstance(given, child.model):
            child.entity, child.given = usable(given, session), None
            return child
        if given is None:
            raise ConfigurationError(f"give a {child.model.__name__}, a dict or a pydantic model, not None")
        _refuse_cycle(child)
        values = given_values(child.model, given)
        said = _said(parent.entity, via, values)
        child.key = _key(child.model, values, said)
        child.given = without(given, {*said, *counterparts(via)})
    return child


def usable(entity: Any, session: AsyncSession) -> Any:
    """Return an object that something may lead to.

    Raises:
        ConfigurationError: It belongs to another session.
        NotFoundError: It is marked as deleted.
    """
    state = inspect(entity)
    if not state.transient and not state.pending:
        held(type(entity), entity, session)
    if isinstance(entity, SoftDeleteMixin) and state.dict.get("deleted_at") is not None:
        raise NotFoundError(type(entity).__name__, identity(state.identity))
    return entity


def _refuse_cycle(child: Node) -> None:
    node = child.parent
    while node is not None:
        if node.source is child.source:
            raise ConfigurationError("it contains itself: give its key alone where it is nested")
        node = node.parent


def _said(parent: Any, via: Relationship, values: Mapping[str, Any]) -> dict[str, Any]:
    # Returns what follows from where it is nested.
    said = implied(via, parent) if owns(via) else {}
    for name, value in said.items():
        if values.get(name) is not None and str(values[name]) != str(value):
            raise ConfigurationError(
                f"{name} is {values[name]!r}, and {value!r} where it is nested: leave it out"
            )
    for name in counterparts(via):
        if values.get(name) is not None and values[name] is not parent:
            raise ConfigurationError(f"{name} is told by where it is nested: leave it out")
    return said


def _key(model: type[Any], values: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[Any, ...] | None:
    names = key_names(model)
    given = {name: values[name] for name in names if name not in said and values.get(name) is not None}
    whole = {**given, **{name: said[name] for name in names if name in said}}
    if None in whole.values() or not (given or len(whole) == len(names)):
        return None
    return key_of(model, whole[names[0]] if len(names) == 1 and len(whole) == 1 else whole)


def given_for(node: Node) -> Any:
    """Return what an object is to get: its key is not among that, where it was found by it."""
    if node.parent is None or node.given is None:
        return node.given
    given, names = given_values(node.model, node.given), key_names(node.model)
    return without(node.given, [name for name in names if node.entity is not None or given.get(name) is None])


def _is_generated(model: type[Any]) -> bool:
    columns = inspect(model).primary_key
    return any(
        column.default is not None
        or column.server_default is not None
        or column is column.table.autoincrement_column
        for column in columns
    )


def not_found(node: Node) -> NotFoundError:
    """Return the error that there is no object with the key that was given."""
    error = NotFoundError(node.model.__name__, identity(node.key))
    error.add_note(f"it was given as {node.path}")
    return error


def check(node: Node, relationship: Relationship) -> None:
    """Check what a relationship is to lead to, when all objects are there.

    Raises:
        ConfigurationError: It is the same object twice, leaves out what cannot be without it, or is None
            where there has to be one; or a foreign key was given that says otherwise.
    """
    path, targets = node.below(relationship.key), node.targets(relationship)
    if len(set(map(id, targets))) < len(targets):
        raise ConfigurationError(f"{path} has the same {relationship.mapper.class_.__name__} twice")
    if len(targets) > 1 and not relationship.uselist:
        raise ConfigurationError(f"{path} is taken by an object that is not to be changed here")
    can_be_itself = relationship.post_update or relationship.secondary is not None
    if not can_be_itself and any(each is node.entity for each in targets):
        raise ConfigurationError(f"{path} is the object itself: that takes post_update=True")
    refuse_removal(relationship, node.removed(relationship), path)
    given = {**given_values(type(node.entity), node.given), **node.extra} if refers(relationship) else {}
    for name, value in foreign_values(node, relationship)[1].items() if refers(relationship) else ():
        if not targets and not inspect(type(node.entity)).columns[name].nullable:
            raise ConfigurationError(f"{path} is None, and {name} may not be NULL: give one")
        if given.get(name) is not None and str(given[name]) != str(value):
            raise ConfigurationError(f"{name} is {given[name]!r}, and {value!r} by {path}: give one of them")


def foreign_values(node: Node, relationship: Relationship) -> tuple[type[Any], dict[str, Any]]:
    """Return which class gets which foreign key because of a relationship, by the names of attributes."""
    targets = node.targets(relationship)
    if owns(relationship) and targets:
        return relationship.mapper.class_, implied(relationship, node.entity)
    own, other = inspect(type(node.entity)), relationship.mapper
    pairs = relationship.synchronize_pairs if refers(relationship) else []
    return own.class_, {
        own.get_property_by_column(foreign).key: getattr(targets[0], other.get_property_by_column(column).key)
        if targets
        else None
        for column, foreign in pairs
    }


@contextmanager
def located(path: str) -> Iterator[None]:
    """Name the place in errors about what was given there; `UnknownNameError` names it by itself."""
    try:
        yield
    except ValidationError as error:
        if not path:
            raise
        told = {f"{path}.{name}": what for name, what in error.errors.items()}
        raise ValidationError(error.model, told) from None
    except ConfigurationError as error:
        if not path or isinstance(error, UnknownNameError):
            raise
        raise ConfigurationError(f"{path}: {error}") from error
