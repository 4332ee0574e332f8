"""Relationships between models, one for each side of a foreign key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from andamios_orm.models.reflection.constraints import reference
from andamios_orm.models.reflection.entities import Entity, Place
from andamios_orm.models.reflection.layout import Group, attribute, keyword, literal
from andamios_orm.models.reflection.names import plural, singular, snake

__all__ = ["Relationship", "plan_relationships"]

_SUFFIXES = ("_id", "_uuid", "_key", "_code", "_fk")
"""Endings of the columns that hold a key: without it, the rest names what it is the key of."""


@dataclass(frozen=True)
class Relationship:
    """One side of a foreign key.

    Attributes:
        name: The attribute.
        annotation: What it holds.
        back: The attribute of the other side.
        foreign_keys: The columns by which it goes, where there are several ways to the other side.
        remote_side: The columns of the other side, where that is the same class.
        overlaps: The other relationships that write the same columns.
    """

    name: str
    annotation: str
    back: str
    foreign_keys: Sequence[str] = ()
    remote_side: Sequence[str] = ()
    overlaps: frozenset[str] = frozenset()

    def lines(self) -> Iterator[str]:
        """Give the lines of the attribute."""
        items = [keyword("back_populates", literal(self.back))]
        for option in ("foreign_keys", "remote_side"):
            columns: Sequence[str] = getattr(self, option)
            if columns:
                shown = columns[0] if len(columns) == 1 else f"[{', '.join(columns)}]"
                items.append(keyword(option, literal(shown)))
        if self.overlaps:
            items.append(keyword("overlaps", literal(",".join(sorted(self.overlaps)))))
        yield from attribute(self.name, self.annotation, Group("relationship(", tuple(items)))


@dataclass(frozen=True)
class _Link:
    """A foreign key between two models."""

    own: Entity
    other: Entity
    columns: Sequence[str]
    others: Sequence[str]

    @property
    def ends(self) -> frozenset[str]:
        return frozenset((self.own.name, self.other.name))

    @property
    def is_circular(self) -> bool:
        return self.own is self.other

    @property
    def is_optional(self) -> bool:
        found = self.own.relation.columns
        return any(column["nullable"] for column in found if column["name"] in self.columns)

    @property
    def is_unique(self) -> bool:
        """Whether at most one row has the same reference."""
        constraints = [constraint["column_names"] for constraint in self.own.relation.unique_constraints]
        return any(set(names) <= set(self.columns) for names in [*constraints, self.own.key] if names)

    @property
    def attributes(self) -> list[str]:
        return [self.own.attributes[name] for name in self.columns]

    @property
    def annotation(self) -> str:
        return f"{self.other.name} | None" if self.is_optional else self.other.name

    @property
    def annotation_back(self) -> str:
        return f"{self.own.name} | None" if self.is_unique else f"list[{self.own.name}]"


_Pair: TypeAlias = tuple[_Link, Relationship, Relationship]


def plan_relationships(entities: Mapping[Place, Entity]) -> dict[str, list[Relationship]]:
    """Return the relationships of each model, by its name."""
    links = [link for entity in entities.values() if entity.is_model for link in _links(entity, entities)]
    ways = Counter(link.ends for link in links)
    found: dict[str, list[Relationship]] = defaultdict(list)
    for _, of_one in groupby(links, key=lambda link: link.own.name):
        pairs = [(link, *_sides(link, ambiguous=link.is_circular or ways[link.ends] > 1)) for link in of_one]
        for link, one, many in pairs:
            names = _overlapping(link, pairs)
            found[link.own.name].append(replace(one, overlaps=names))
            found[link.other.name].append(replace(many, overlaps=names))
    return found


def _overlapping(link: _Link, pairs: Sequence[_Pair]) -> frozenset[str]:
    """Return the other relationships that write columns of this one: SQLAlchemy wants to know of them."""
    others = [pair for pair in pairs if pair[0] is not link and set(pair[0].columns) & set(link.columns)]
    return frozenset(side.name for _, *sides in others for side in sides)


def _links(entity: Entity, entities: Mapping[Place, Entity]) -> Iterator[_Link]:
    for foreign_key in entity.relation.foreign_keys:
        other = reference(foreign_key, entities)
        if other is not None and other.is_model:
            yield _Link(entity, other, foreign_key["constrained_columns"], foreign_key["referred_columns"])


def _sides(link: _Link, *, ambiguous: bool) -> tuple[Relationship, Relationship]:
    own, other = link.own, link.other
    goal = _goal(link.attributes)
    one = own.names.attribute(
        goal or _joined(ambiguous, link.attributes, snake(singular(other.relation.name)))
    )
    many = other.names.attribute(_back(link, ambiguous, goal or link.attributes[0]))
    by = _in_class(own, link.columns) if ambiguous else ()
    remote = _in_class(other, link.others) if link.is_circular else ()
    return (
        Relationship(one, link.annotation, many, by, remote),
        Relationship(many, link.annotation_back, one, by),
    )


def _in_class(entity: Entity, columns: Sequence[str]) -> list[str]:
    return [f"{entity.name}.{entity.attributes[name]}" for name in columns]


def _goal(columns: Sequence[str]) -> str | None:
    """Return what a key column is the key of, as its name says."""
    for suffix in _SUFFIXES:
        if len(columns) == 1 and columns[0].endswith(suffix):
            return columns[0].removesuffix(suffix).rstrip("_") or None
    return None


def _joined(ambiguous: bool, columns: Sequence[str], name: str) -> str:
    return f"{columns[0]}_{name}" if ambiguous else name


def _back(link: _Link, ambiguous: bool, way: str) -> str:
    name = snake(link.own.relation.name)
    shown = singular(name) if link.is_unique else plural(name)
    return f"{shown}_by_{way}" if ambiguous else shown
