"""What a reader of the module has to know about a table or a view."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.column_types import is_known
from andamios_orm.models.reflection.constraints import Constraints
from andamios_orm.models.reflection.entities import Entity

__all__ = ["gaps", "notes"]


def gaps(entity: Entity, constraints: Constraints, catalog: Catalog) -> Iterator[str]:
    """Give what the database has and the module has not."""
    relation = entity.relation
    yield from (f"{relation.full_name}: {missing}." for missing in constraints.missing)
    for column in relation.columns:
        if not is_known(column["type"], catalog.dialect):
            place = f"{relation.full_name}.{column['name']}"
            cost = "" if entity.is_view else ", and the table cannot be created"
            yield f"The type of {place} is not known: its values come as they are{cost}."
    if not entity.is_model:
        choice = _choice(relation.full_name, ",".join(_unique(entity)))
        yield (
            f"{relation.full_name} has no primary key, by which a class tells its rows apart, and is a plain "
            f"table here: {choice}, or other columns, would make it a model."
        )


def notes(entity: Entity) -> Iterator[str]:
    """Give what stands for the key of the database."""
    name = entity.relation.full_name
    if entity.is_view and not entity.chosen:
        yield f"All columns together are the key of the view {name}: {_choice(name, '...')} chooses fewer."
    if entity.chosen and not entity.is_view:
        yield f"The key of {name} was chosen by --key: the database has none."


def _choice(name: str, columns: str) -> str:
    return f"--key {quote(f'{name}={columns}')}"


def _unique(entity: Entity) -> list[str]:
    columns = [column["name"] for column in entity.relation.columns]
    unique = [constraint["column_names"] for constraint in entity.relation.unique_constraints]
    return next(iter(unique), columns[:1])
