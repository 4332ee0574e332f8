"""What the parts of a module that is being written share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.reflection.catalog import Catalog
from andamios_orm.models.reflection.columns import Columns
from andamios_orm.models.reflection.entities import Entity, Place, plan_entities
from andamios_orm.models.reflection.enums import Enums
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.names import BUILTINS, Names

__all__ = ["BASE", "Scope", "open_scope"]

BASE = "andamios_orm.models:BaseModel"
"""The base of the models, unless another one is named."""


@dataclass(frozen=True)
class Scope:
    """What the parts of a module share.

    Attributes:
        catalog: The tables and views.
        imports: What the module imports.
        entities: What becomes of each table and view.
        enums: The classes of the enumerations.
        columns: What writes columns.
        base: The name of the base of the models.
        view_bases: The bases of the models of views.
    """

    catalog: Catalog
    imports: Imports
    entities: Mapping[Place, Entity]
    enums: Enums
    columns: Columns
    base: str
    view_bases: tuple[str, ...]


def open_scope(
    catalog: Catalog, keys: Mapping[str, Sequence[str]], base: str, taken: frozenset[str] = frozenset()
) -> Scope:
    """Return the scope of a module.

    Args:
        catalog: The tables and views.
        keys: The keys that the caller chose.
        base: The base of the models, as ``module:class``.
        taken: The names that the module imports, as far as they are known.

    Raises:
        ConfigurationError: A key cannot be, or the base is none.
    """
    module, _, name = base.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise ConfigurationError(f"{base!r} is no base of models: give module:class, such as {BASE}")
    imports, names = Imports(), Names(BUILTINS | taken)
    entities = plan_entities(catalog, keys, names, taken)
    enums = Enums(catalog, names, imports)
    columns = Columns(catalog, enums, imports)
    view_bases = ("ViewModel",) if base == BASE else ("ViewModel", name)
    return Scope(catalog, imports, entities, enums, columns, imports.name(module, name), view_bases)
