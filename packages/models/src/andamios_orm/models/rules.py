"""Validate values by the annotations of a model, with one validator of pydantic for each model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Annotated, Any

import pydantic_core
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, WrapValidator
from sqlalchemy import ClauseElement
from sqlalchemy.orm import QueryableAttribute
from typing_extensions import TypedDict

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models._types.money import Money
from andamios_orm.models.annotations import ColumnField, optional

__all__ = ["EXPRESSIONS", "Rules", "told_by"]

_SHOWN = 20
"""How many errors of a bulk write are told."""

EXPRESSIONS = (ClauseElement, QueryableAttribute)
"""Classes of what stands for a value that the database computes."""

_CONFIG = ConfigDict(
    extra="allow",
    arbitrary_types_allowed=True,
    validate_by_name=True,
    validate_by_alias=False,
)


class Rules:
    """Validate values for the attributes of one model; what is no attribute with rules passes.

    Args:
        model: Name of the model, for errors.
        fields: The columns that are validated.
    """

    def __init__(self, model: str, fields: Iterable[ColumnField]) -> None:
        self.model = model
        self.annotations = {field.name: _annotation(field) for field in fields}

    def checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values by the names of attributes, validated; SQL expressions pass.

        Raises:
            ValidationError: Some are refused; the error names all of them.
        """
        for value in values.values():
            if isinstance(value, EXPRESSIONS):
                return self._checked_beside_expressions(values)
        try:
            return self._one(values)
        except pydantic_core.ValidationError as error:
            # `from None`, because the message of pydantic's error contains the values.
            raise ValidationError(self.model, told_by(error)) from None

    def checked_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return rows of values by the names of attributes, validated; SQL expressions pass.

        Raises:
            ValidationError: Some are refused; the error tells of up to 20 of them, by row and attribute.
        """
        errors: dict[str, str] = {}
        checked: list[dict[str, Any]] = []
        for number, row in enumerate(rows):
            try:
                checked.append(self.checked(dict(row)))
            except ValidationError as error:
                errors |= {f"rows[{number}].{name}": what for name, what in error.errors.items()}
        if errors:
            raise self._refusal(errors)
        return checked

    def checked_columns(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Return rows of values that stand in the order of these names, validated.

        Raises:
            ValidationError: As for `checked_rows`.
        """
        try:
            return self._many(tuple(names))(list(map(tuple, rows)))
        except pydantic_core.ValidationError as error:
            raise self._refusal(told_by(error, names)) from None

    def _refusal(self, errors: dict[str, str]) -> ValidationError:
        shown = dict(islice(errors.items(), _SHOWN))
        if len(errors) > _SHOWN:
            shown["..."] = f"and {len(errors) - _SHOWN} more"
        return ValidationError(self.model, shown)

    def _checked_beside_expressions(self, values: dict[str, Any]) -> dict[str, Any]:
        expressions = {name: value for name, value in values.items() if isinstance(value, EXPRESSIONS)}
        plain = {name: value for name, value in values.items() if name not in expressions}
        return {**self.checked(plain), **expressions}

    @cached_property
    def _one(self) -> Callable[[Any], dict[str, Any]]:
        make: Any = TypedDict
        shape = make(self.model, self.annotations, total=False)
        shape.__pydantic_config__ = _CONFIG
        return self._validator(shape)

    @cached_property
    def _many(self) -> Callable[[tuple[str, ...]], Callable[[Any], list[tuple[Any, ...]]]]:
        def many(names: tuple[str, ...]) -> Callable[[Any], list[tuple[Any, ...]]]:
            kinds = tuple(self.annotations.get(name, Any) for name in names)
            return self._validator(list[tuple[kinds]], _CONFIG)  # type: ignore[valid-type] # made here

        return lru_cache(maxsize=8)(many)

    def _validator(self, kind: Any, config: ConfigDict | None = None) -> Callable[[Any], Any]:
        try:
            return TypeAdapter(kind, config=config).validator.validate_python
        except ImportError as error:
            raise ConfigurationError(
                f'{self.model}: {error}: pip install "andamios-orm-models[email]"'
            ) from error
        except (PydanticUserError, pydantic_core.SchemaError) as error:
            raise ConfigurationError(
                f"{self.model} cannot be validated: {error}. Annotate the attribute with "
                "pydantic.SkipValidation, or switch validation off with `__validate__ = False`"
            ) from error


def told_by(error: pydantic_core.ValidationError, names: Sequence[str] | None = None) -> dict[str, str]:
    """Return what pydantic refuses, by attribute; by row and attribute where ``names`` are those of rows."""
    told: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_input=False):
        place, *inside = map(str, fault["loc"])
        if names is not None:
            place, inside = f"rows[{place}].{names[int(inside[0])]}", inside[1:]
        cause = fault.get("ctx", {}).get("error")
        what = ".".join(inside) + ": " * bool(inside) + str(cause or fault["msg"])
        told[place] = f"{told[place]}; {what}" if place in told else what
    return told


def _annotation(field: ColumnField) -> Any:
    # A default, a sequence or a related object may still take the place of None.
    may_be_filled = field.generated or field.column.foreign_keys
    annotation = optional(field.values()) if may_be_filled else field.values()
    type_ = field.column.type
    return Annotated[annotation, WrapValidator(type_.validate)] if isinstance(type_, Money) else annotation
