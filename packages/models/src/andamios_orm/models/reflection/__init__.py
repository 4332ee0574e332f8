"""Models of an existing database: what it has, written as classes."""

from andamios_orm.models.reflection.catalog import Catalog, Relation, read_catalog
from andamios_orm.models.reflection.module import Module, write_module

__all__ = ["Catalog", "Module", "Relation", "read_catalog", "write_module"]
