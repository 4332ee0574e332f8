"""What becomes of each table and view: a class, or a plain table where no key is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.reflection.catalog import Catalog, Relation
from andamios_orm.models.reflection.names import RESERVED, Names, class_name, singular, snake

__all__ = ["Entity", "Place", "plan_entities"]

Place = tuple[str | None, str]
"""The schema and the name of a table."""


@dataclass(frozen=True)
class Entity:
    """A table or view, as the module has it.

    Attributes:
        relation: What the database has.
        name: The class, or the variable of a plain table.
        key: The columns that tell its rows apart; none of a plain table.
        chosen: Whether it was the caller who said so.
        names: The names of its attributes.
        attributes: The attribute of each column.
    """

    relation: Relation
    name: str
    key: Sequence[str]
    chosen: bool
    names: Names = field(compare=False)
    attributes: Mapping[str, str]

    @property
    def is_model(self) -> bool:
        """Whether it is a class."""
        return bool(self.key)

    @property
    def is_view(self) -> bool:
        """Whether it is a view."""
        return self.relation.definition is not None


def plan_entities(
    catalog: Catalog, keys: Mapping[str, Sequence[str]], names: Names, taken: frozenset[str]
) -> dict[Place, Entity]:
    """Return what becomes of each table and view.

    Args:
        catalog: The tables and views.
        keys: Columns that tell the rows apart of those that have no key, by the name of the table.
        names: The names of the module.
        taken: What an attribute may not be called, beside `RESERVED`.

    Raises:
        ConfigurationError: A key is of no table, of one that has a key, or of a column that is not there.
    """
    unknown = keys.keys() - {relation.full_name for relation in catalog.relations}
    if unknown:
        raise ConfigurationError(f"a key is chosen for {min(unknown)!r}, which is no table or view here")
    return {
        (relation.schema, relation.name): _entity(relation, keys.get(relation.full_name, ()), names, taken)
        for relation in catalog.relations
    }


def _entity(relation: Relation, chosen: Sequence[str], names: Names, taken: frozenset[str]) -> Entity:
    _check(relation, chosen)
    key = chosen or relation.key or ([] if relation.definition is None else list(_comparable(relation)))
    attributes = Names(RESERVED | taken)
    return Entity(
        relation,
        names.unique(*_class_names(relation)) if key else names.attribute(snake(relation.name)),
        key,
        bool(chosen),
        attributes,
        {column["name"]: attributes.attribute(snake(column["name"])) for column in relation.columns},
    )


def _check(relation: Relation, chosen: Sequence[str]) -> None:
    if chosen and relation.key:
        raise ConfigurationError(f"{relation.full_name} has a primary key already: {', '.join(relation.key)}")
    known = [column["name"] for column in relation.columns]
    for name in chosen:
        if name not in known:
            raise ConfigurationError(
                f"{relation.full_name} has no column {name!r}; it has {', '.join(known)}"
            )


def _comparable(relation: Relation) -> Iterator[str]:
    for column in relation.columns:
        if column["type"].hashable:
            yield column["name"]


def _class_names(relation: Relation) -> Iterator[str]:
    name = class_name(relation.name)
    yield class_name(singular(relation.name))
    yield name
    if relation.schema is not None:
        yield class_name(f"{relation.schema}_{relation.name}")
    yield f"{name}Model"
