"""The declarative base: a class is a table, named after it, with an integer key unless it has another."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Column, MetaData, Table, event, inspect
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, has_inherited_table, registry

from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models._types.ciphers import HIDDEN
from andamios_orm.models._types.encrypted import Encrypted
from andamios_orm.models._types.enums import StrEnumType
from andamios_orm.models.hooks import HooksMixin
from andamios_orm.models.keys import GENERATED_INTEGER, is_key
from andamios_orm.models.serialization import SerializationMixin, loaded
from andamios_orm.models.upserts import updating_on_conflict
from andamios_orm.models.validation import ValidationMixin

if TYPE_CHECKING:
    from sqlalchemy.orm import ORMExecuteState

__all__ = ["NAMING_CONVENTION", "BaseModel"]

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""How indexes and constraints are called that have no name, so that a migration can name them."""

_BEFORE_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class BaseModel(ValidationMixin, HooksMixin, SerializationMixin, AsyncAttrs, DeclarativeBase):
    """Base of all models.

    A model is a class that SQLAlchemy maps: ``Mapped[...]``, ``mapped_column`` and ``relationship`` work as
    they do there. What is added:

    * The table is called like the class, in snake case: ``FlightPlan`` is ``flight_plan``. ``__tablename__``
      overrides that. A subclass of a model shares its table unless it names one.
    * A model without a primary key gets ``id``, an integer that a sequence of the database generates. A key
      mixin (`UUIDKey`) or any column with ``primary_key=True`` takes its place.
    * Constraints and indexes have predictable names, see `NAMING_CONVENTION`.
    * ``await obj.awaitable_attrs.name`` loads what was not loaded.

    Models of one program share ``BaseModel.metadata``. A base of your own, ``class Base(BaseModel)`` with
    ``__abstract__ = True`` and ``metadata = MetaData(naming_convention=NAMING_CONVENTION)``, keeps its models
    apart: two of them may have the same name.
    """

    __abstract__ = True
    type_annotation_map: ClassVar[dict[Any, Any]] = {StrEnum: StrEnumType(StrEnum)}
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)

    if TYPE_CHECKING:
        id: Mapped[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        """Map the class; one with ``metadata`` of its own is the base of models that stand apart."""
        metadata = vars(cls).get("metadata")
        if metadata is not None:
            # SQLAlchemy makes a registry for a class that inherits from DeclarativeBase directly, and for no
            # other; so this one, whose metadata differs, gets its registry here.
            cls.registry = cls._sa_registry = registry(
                metadata=metadata, type_annotation_map=cls.registry.type_annotation_map
            )
        super().__init_subclass__(**options)

    @declared_attr.directive
    def __tablename__(cls: Any) -> str | None:  # noqa: N805 # it is called with the class
        """Return the name of the class in snake case; None for a class that shares its parent's table."""
        return None if has_inherited_table(cls) else _BEFORE_CAPITAL.sub("_", cls.__name__).lower()

    @classmethod
    def __table_cls__(cls, name: str, metadata: MetaData, *items: Any, **options: Any) -> Table:
        """Make the table, with a generated key where none is declared."""
        if not any(map(is_key, items)) and not has_inherited_table(cls):
            items = (Column("id", GENERATED_INTEGER, primary_key=True), *items)
        return Table(name, metadata, *items, **options)

    def __repr__(self) -> str:
        """Show the columns that are loaded, and ``***`` for encrypted values; nothing is loaded for it.

        Of a dataclass, fields with ``repr=False`` are left out.
        """
        state: Any = inspect(self)
        values, fields = loaded(state), getattr(self, "__dataclass_fields__", {})
        shown = (
            f"{name}={_shown(attribute, values[name])}"
            for name, attribute in state.mapper.column_attrs.items()
            if name in values and (name not in fields or fields[name].repr)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


@event.listens_for(UnitOfWork, "do_orm_execute")
def _execute(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper
    if state.is_insert and mapper is not None and issubclass(mapper.class_, BaseModel):
        state.statement = updating_on_conflict(state.statement)


def _shown(attribute: Any, value: Any) -> str:
    hidden = isinstance(attribute.columns[0].type, Encrypted) and value is not None
    return HIDDEN if hidden else repr(value)
