"""Declarative models for DuckDB: one class is table, validated object and API schema."""

from andamios_orm.models.__about__ import __version__
from andamios_orm.models.actors import actor, current_actor
from andamios_orm.models.adapter import PydanticModelAdapter
from andamios_orm.models.dataclass_model import DataclassModel
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.errors import StaleConflictError
from andamios_orm.models.files import FileModel, csv, json, parquet
from andamios_orm.models.history import AuditMixin, Version
from andamios_orm.models.hooks import (
    after_create,
    after_delete,
    after_load,
    after_update,
    before_create,
    before_delete,
    before_update,
)
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.lazy_loading import LazyLoadError
from andamios_orm.models.schemas import schema_for
from andamios_orm.models.soft_delete import SoftDeleteMixin, SoftDeleteModel
from andamios_orm.models.tables import create_all, drop_all
from andamios_orm.models.timestamps import TimestampedModel, TimestampMixin
from andamios_orm.models.versioning import VersioningMixin
from andamios_orm.models.views import ViewModel

__all__ = [
    "NAMING_CONVENTION",
    "AuditMixin",
    "BaseModel",
    "DataclassModel",
    "FileModel",
    "IntegerKey",
    "LazyLoadError",
    "NaturalKey",
    "PydanticModelAdapter",
    "SoftDeleteMixin",
    "SoftDeleteModel",
    "StaleConflictError",
    "TimestampMixin",
    "TimestampedModel",
    "UUIDKey",
    "Version",
    "VersioningMixin",
    "ViewModel",
    "__version__",
    "actor",
    "after_create",
    "after_delete",
    "after_load",
    "after_update",
    "before_create",
    "before_delete",
    "before_update",
    "create_all",
    "csv",
    "current_actor",
    "drop_all",
    "json",
    "parquet",
    "schema_for",
]
