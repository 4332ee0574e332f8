"""Validate what is assigned to the attributes of a model, by the constraints in its annotations.

The rules:

* An attribute is validated when its annotation holds constraints (``Mapped[Annotated[str, Field(...)]]``), or
  is a type whose values are not copied: numbers, texts, times, UUIDs, enums, pydantic's own types. So a list
  stays the list that was assigned. A column of `Money` is always validated.
* Values are converted as pydantic converts them: ``"3"`` is an ``int`` unless the field is strict.
* The constructor validates everything before it sets anything. A value that is set later is validated alone.
* None is left to the database where a default, a sequence or a relationship may take its place. SQL
  expressions are left to it as well. A missing value is no error before the flush.
* What is loaded is not validated. What is merged into a session is, once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import EmailStr
from pydantic.fields import FieldInfo
from sqlalchemy import String, event
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import instance_state

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.annotations import column_fields, constraints_of, resolve_annotated
from andamios_orm.models.bounds import add_checks
from andamios_orm.models.rules import Rules
from andamios_orm.models.statement_values import check_execution, refuse_unknown_keys

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper, ORMExecuteState, registry

__all__ = ["ValidationMixin", "set_checked"]

_CHECKED = "_andamios_checked"
"""In the state of an object, while a constructor sets its attributes: by their names, the value that will be
set and the value that validation made of it."""


_NOTHING = object()

_VALUES = (
    FieldInfo,
    type(None),
    str,
    bytes,
    int,
    float,
    list,
    dict,
    set,
    tuple,
    date,
    time,
    Decimal,
    Enum,
    UUID,
)
"""What may not be assigned to an annotated attribute in the body of a class."""


class ValidationMixin:
    """Validates what is assigned to the attributes of a model.

    Attributes:
        __validate__: Whether it does; a subclass may say otherwise.
        __check_constraints__: Whether the table gets a CHECK constraint for each bound of a column: ``ge``,
            ``gt``, ``le``, ``lt``, ``min_length`` and ``max_length``.
    """

    __validate__: ClassVar[bool] = True
    __check_constraints__: ClassVar[bool] = False
    __rules__: ClassVar[Rules | None] = None

    if TYPE_CHECKING:
        registry: ClassVar[registry]

    def __init_subclass__(cls, **options: Any) -> None:
        mapped_by: registry | None = getattr(cls, "registry", None)
        if mapped_by is not None and EmailStr not in mapped_by.type_annotation_map:
            mapped_by.update_type_annotation_map({EmailStr: String()})
        _refuse_values(cls)
        resolve_annotated(cls)
        has_own_constructor = "__init__" in vars(cls)
        super().__init_subclass__(**options)
        if "__mapper__" in cls.__dict__:
            if cls.__check_constraints__:
                add_checks(cls)
            _refuse_defaults(cls)
            event.listen(cls, "mapper_configured", _configure)
            if is_dataclass(cls) and cls.__dataclass_params__.init and not has_own_constructor:
                _, *parameters = signature(cls.__init__).parameters.values()
                defaults = {parameter.name: parameter.default for parameter in parameters}
                event.listen(cls, "init", partial(_check_arguments, defaults))

    def __init__(self, **values: Any) -> None:
        """Set the attributes that are named, all of them validated before.

        Raises:
            ValidationError: Some values are refused; the error names all of them.
        """
        if self.__rules__ is None:
            self.registry.constructor(self, **values)
        else:
            set_checked(self, values, self.registry.constructor)

    @classmethod
    def __check_rows__(cls, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Return rows for a bulk insert, validated; their values stand in the order of these names.

        Raises:
            ValidationError: Some are refused; the error tells of up to 20 of them, by row and attribute.
        """
        cls.registry.configure(cascade=True)
        return rows if cls.__rules__ is None else cls.__rules__.checked_columns(names, rows)


def set_checked(instance: Any, values: dict[str, Any], assign: Callable[..., None]) -> None:
    """Validate values for an object, and then set them, without validating them again.

    Args:
        instance: The object.
        values: The values, by the names of attributes.
        assign: Sets them; it is called with the object, and with the values as keyword arguments.

    Raises:
        ValidationError: Some are refused; the error names all of them.
    """
    rules: Rules | None = getattr(instance, "__rules__", None)
    if rules is None:
        assign(instance, **values)
        return
    checked = rules.checked(values)
    state = instance_state(instance).__dict__
    state[_CHECKED] = {name: (value, value) for name, value in checked.items()}
    try:
        assign(instance, **checked)
    finally:
        state.pop(_CHECKED, None)


@event.listens_for(UnitOfWork, "do_orm_execute")
def _execute(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, ValidationMixin):
        return
    if state.is_insert or state.is_update:
        # The rules are made when the mappers are configured, which nothing may have asked for yet.
        mapper.registry.configure(cascade=True)
        rules = mapper.class_.__rules__
        if rules is not None:
            check_execution(state, mapper, rules)
        refuse_unknown_keys(state, mapper)


def _configure(mapper: Mapper[Any], model: type[ValidationMixin]) -> None:
    columns = column_fields(model).values() if model.__validate__ else ()
    checked = [field for field in columns if field.validated]
    rules = model.__rules__ = Rules(model.__name__, checked) if checked else None
    if rules is not None:
        for name in rules.annotations:
            event.listen(getattr(model, name), "set", partial(_set, rules, name), raw=True, retval=True)


def _check_arguments(
    defaults: dict[str, Any], instance: Any, arguments: tuple[Any, ...], values: dict[str, Any]
) -> None:
    # The constructor of a dataclass sets its attributes one by one. Its arguments are validated together
    # before it begins, so that the error names all of them; `_set` takes the results.
    rules: Rules | None = instance.__rules__
    if rules is not None:
        named = {**dict(zip(defaults, arguments, strict=False)), **values}
        # SQLAlchemy passes the defaults as well, some of which only stand for a value.
        given = {name: value for name, value in named.items() if value is not defaults.get(name, _NOTHING)}
        checked = rules.checked(given)
        instance_state(instance).__dict__[_CHECKED] = {
            name: (given[name], checked[name]) for name in given if name in rules.annotations
        }


def _refuse_values(model: type[Any]) -> None:
    # SQLAlchemy would map no column for such an attribute, and say nothing.
    for name, annotation in vars(model).get("__annotations__", {}).items():
        value = vars(model).get(name, _NOTHING)
        if "Mapped[" in str(annotation) and isinstance(value, _VALUES):
            instead = "mapped_column(default=...)"
            if isinstance(value, FieldInfo):
                instead = f"{name}: Mapped[Annotated[..., Field(...)]]"
            raise ConfigurationError(f"{model.__name__}.{name} = {value!r} makes no column: write {instead}")


def _refuse_defaults(model: type[Any]) -> None:
    for field in column_fields(model).values():
        for constraint in constraints_of(field.annotation):
            if isinstance(constraint, FieldInfo) and not constraint.is_required():
                raise ConfigurationError(
                    f"{model.__name__}.{field.name}: give the default of a column "
                    "to mapped_column(default=...), not to Field, so that each write has it"
                )


def _set(rules: Rules, name: str, state: InstanceState[Any], value: Any, *history: Any) -> Any:
    waiting = state.__dict__.get(_CHECKED)
    if waiting is not None and name in waiting and waiting[name][0] is value:
        _, checked = waiting.pop(name)
        if not waiting:
            del state.__dict__[_CHECKED]
        return checked
    return rules.checked({name: value})[name]
