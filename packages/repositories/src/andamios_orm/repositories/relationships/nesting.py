"""What was given for an object and for those that it is related to, to any depth.

A plan reads first: it matches what was given with what is there, one level after the other, so that the
number of queries depends on the depth alone. It checks everything, and makes the new objects without letting
the session know. Only then does it write.

* What a relationship is given is all that it leads to.
* What has a key is that object: one of the children, where these have the foreign key, because what belongs
  to another object is not taken away from it; any row, where not.
* What has none is new.
* Children that are left out are deleted where the relationship says ``delete-orphan``; otherwise their
  foreign key becomes NULL. They go first, so that others may take their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipProperty, Session

from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.repositories.entities import assign, checked, given_values, made, without
from andamios_orm.repositories.keys import key_names
from andamios_orm.repositories.plugins.plugins import Kind
from andamios_orm.repositories.relationships.nodes import (
    Node,
    check,
    children_of,
    foreign_values,
    given_for,
    located,
    not_found,
)
from andamios_orm.repositories.relationships.reach import Reach
from andamios_orm.repositories.relationships.related import (
    counterparts,
    identity,
    members,
    owns,
    refers,
    relationship_of,
    replace,
)

__all__ = ["Plan"]

Relationship = RelationshipProperty[Any]


class Plan:
    """What is written for an object and those that are nested in it.

    Args:
        reach: Where it reads and writes.
    """

    def __init__(self, reach: Reach) -> None:
        self.session = reach.session
        self._reach = reach
        self.nodes: list[Node] = []
        self._changed: dict[int, Node] = {}

    @property
    def is_nested(self) -> bool:
        """Whether relationships are written too."""
        return any(node.relations for node in self.nodes)

    @classmethod
    async def of(cls, reach: Reach, root: Node) -> Plan:
        """Return the plan for an object; nothing is changed yet, but what was pending is flushed.

        Raises:
            ConfigurationError: What was given cannot be meant, or cannot be written.
            NotFoundError: There is none with a key that was given, or it is not among the children.
            StaleVersionError: An object is given a version that it does not have.
            UnknownNameError: A model has no such attribute.
            ValidationError: A model refuses a value.
        """
        plan, level = cls(reach), [root]
        while level:
            await plan._find(level)
            opened = [node for node in level if plan._open(node)]
            plan.nodes += level
            outside = await plan._load(opened)
            level = [child for node in opened for child in children_of(node, reach.session, outside)]
        await plan._check()
        return plan

    @classmethod
    async def to_relate(
        cls,
        reach: Reach,
        entity: Any,
        relationship: Relationship,
        targets: Sequence[Any],
        present: Sequence[Any],
        beyond: Sequence[Any],
    ) -> Plan:
        """Return the plan that lets a relationship lead to other objects.

        Args:
            reach: Where it writes.
            entity: The object.
            relationship: The relationship.
            targets: What it is to lead to.
            present: What it leads to so far, as far as that may change.
            beyond: What else it leads to.

        Raises:
            ConfigurationError: What it does not lead to any more has a foreign key that may not be NULL.
        """
        plan, root = cls(reach), Node(type(entity), entity=entity)
        root.present[relationship], root.beyond[relationship] = list(present), list(beyond)
        root.relations[relationship] = [
            Node(type(each), entity=each, parent=root, via=relationship) for each in targets
        ]
        plan.nodes = [root, *root.relations[relationship]]
        for node in plan.nodes:
            plan._open(node)
        await plan._check()
        return plan

    async def _check(self) -> None:
        for node, relationship in self._relations():
            check(node, relationship)
            self._reach.completed(*foreign_values(node, relationship), is_new=False)
        given = [node for node in self.nodes if node.parent and node.given is None and node.is_persistent]
        children = [node.entity for node in given if node.is_child]
        others = [node.entity for node in given if not node.is_child]
        outside = await self._reach.outside(children, "update") | await self._reach.outside(others, "read")
        for node in given:
            if id(node.entity) in outside:
                raise NotFoundError(type(node.entity).__name__, identity(inspect(node.entity).identity))
        await self._reach.refuse_carried([node.entity for node in self.nodes])
        for node, relationship in self._relations():
            objects = [child.entity for child in node.relations[relationship] if child.given is None]
            await self._reach.refuse_children_of_others(relationship, objects)

    async def _find(self, level: list[Node]) -> None:
        wanted: dict[tuple[type[Any], Kind], list[Node]] = {}
        for node in level:
            if node.key is not None and node.entity is None:
                is_read = set(given_values(node.model, node.given)) <= set(key_names(node.model))
                wanted.setdefault((node.model, "read" if is_read else "update"), []).append(node)
        for (model, kind), nodes in wanted.items():
            rows = await self._reach.found(model, [node.key for node in nodes if node.key], kind)
            for node in nodes:
                node.entity = rows.get(node.key or ())
                if (node.entity is None) is not node.is_child:
                    raise not_found(node)

    def _open(self, node: Node) -> bool:
        # Returns whether something is to be changed, or nested.
        model = node.model if node.entity is None else type(node.entity)
        with located(node.path):
            given, extra = given_for(node), node.extra
            if node.parent is not None:
                extra = self._completed(model, node, given)
            told = {**given_values(model, given, defaults=node.entity is None), **extra}
            node.parts = {name: told[name] for name in told if name in inspect(model).relationships}
            given, extra = without(given, node.parts), without(extra, node.parts)
            if node.entity is None:
                later = {*node.parts, *(counterparts(node.via) if node.via else ())}
                node.entity = made(model, given, extra, later, node.path)
                return bool(node.parts)
            node.values = checked(model, node.entity, given, extra, node.path)
        return self._is_first(node)

    def _completed(self, model: type[Any], node: Node, given: Any) -> dict[str, Any]:
        # What the outermost object gets, the repository has completed.
        if given is None:
            return self._reach.completed(model, node.entity, is_new=not node.is_persistent)
        return self._reach.completed(model, given, is_new=node.entity is None)

    def _is_first(self, node: Node) -> bool:
        if not node.values and not node.parts:
            return False
        first = self._changed.setdefault(id(node.entity), node)
        if first is not node and first.source != node.source:
            raise ConfigurationError(
                f"{node.path} is the same {type(node.entity).__name__} as {first.path or 'the outermost'}, "
                "and given other values: give them once, and its key alone elsewhere"
            )
        if first is not node:
            node.values, node.parts = {}, {}
        return first is node

    async def _load(self, level: list[Node]) -> set[int]:
        # Returns what is there and not to be changed.
        wanted: dict[tuple[type[Any], str], list[Node]] = {}
        for node in level:
            for name in node.parts:
                with located(node.path):
                    relationship_of(type(node.entity), name)
                if node.is_persistent:
                    wanted.setdefault((type(node.entity), name), []).append(node)
        if wanted:
            # What is loaded replaces what was changed and is not written yet.
            await self.session.flush()
        there: list[Any] = []
        for (model, name), nodes in wanted.items():
            await self._reach.load([node.entity for node in nodes], name)
            relationship = relationship_of(model, name)
            if not refers(relationship):
                there += [each for node in nodes for each in members(node.entity, relationship)]
        return await self._reach.outside(there, "update")

    async def write(self) -> None:
        """Write everything; where that fails, the session forgets it.

        Raises:
            IntegrityError: A constraint refuses a row.
            StaleVersionError: A row was changed since it was read.
        """
        try:
            with self._reach.guarded():
                await self.session.run_sync(self._flush)
        except BaseException:
            self._forget()
            raise
        await self._reach.refresh([node.entity for node in self.nodes])

    def _flush(self, session: Session) -> None:
        if not any(self._removals()):
            self._apply(session)
            session.flush()
            return
        # As SQLAlchemy does it around one flush: an error in the second one undoes the first one as well.
        transaction = session._autobegin_t()._begin()
        try:
            for node, relationship, kept in self._removals():
                replace(node.entity, relationship, kept)
            session.flush()
            self._apply(session)
            session.flush()
            transaction.commit()
        except BaseException:
            transaction.rollback(_capture_exception=True)
            raise

    def _removals(self) -> Iterator[tuple[Node, Relationship, list[Any]]]:
        # What goes elsewhere is no orphan in between.
        staying = {id(node.entity) for node in self.nodes}
        for node, relationship in self._relations():
            if owns(relationship) and node.is_persistent:
                gone = set(map(id, node.removed(relationship))) - staying
                if gone:
                    there = members(node.entity, relationship)
                    yield node, relationship, [each for each in there if id(each) not in gone]

    def _apply(self, session: Session) -> None:
        with session.no_autoflush:
            for node in self.nodes:
                assign(node.entity, node.values)
            for node, relationship in self._relations():
                replace(node.entity, relationship, node.targets(relationship))
            session.add_all(node.entity for node in self.nodes)

    def _relations(self) -> Iterator[tuple[Node, Relationship]]:
        for node in self.nodes:
            for relationship in node.relations:
                yield node, relationship

    def _forget(self) -> None:
        # Otherwise each flush from now on would be refused, or write a part of it.
        for node in self.nodes:
            if node.entity in self.session.new:
                self.session.expunge(node.entity)
            elif self.is_nested and node.is_persistent and node.entity in self.session:
                self.session.expire(node.entity)
