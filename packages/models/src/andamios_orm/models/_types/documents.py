"""JSON documents that are pydantic models."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic import ValidationError as PydanticValidationError
from sqlalchemy import TypeDecorator, event
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapper

from andamios_orm.core._types.json import compact
from andamios_orm.core._types.literals import Processor, string_literal
from andamios_orm.core.errors import ValidationError
from andamios_orm.core.types import JSON
from andamios_orm.models._types.tracking import track_attribute

__all__ = ["PydanticJSON"]

T = TypeVar("T")


class PydanticJSON(TypeDecorator[T]):
    """JSON document, in Python an instance of a pydantic model.

    It is validated on the way in, where what a model refuses is never sent, and on the way out. A dict that
    fits is taken in place of an instance. Changes inside of a value that an object of a session holds are
    noticed, at any depth of models, lists, dicts and sets: ``project.settings.tags.append("x")`` is written
    with the next flush. (Not noticed: changes inside of a dataclass, a deque or another mutable class; assign
    a new value.)

    The document has the names of the fields, not their aliases, so that a path in SQL is the path in Python:
    ``Project.settings["theme"].as_string()``. ``None`` is NULL.

    Args:
        model: The model, or any other type that pydantic validates: ``list[Message]``, ``Cat | Dog``.

    Raises:
        ValidationError: On assignment, and when rows are read, a value that the model refuses.
        DataError: In a statement, a value that the model refuses.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, model: type[T]) -> None:
        super().__init__(none_as_null=True)
        self.model = model

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        # When it is used first, because the model may refer to classes that are defined later.
        return TypeAdapter(self.model)

    @property
    def python_type(self) -> type[Any]:
        """Return the model."""
        return self.model

    def validated(self, value: Any) -> T:
        """Return ``value`` as an instance of the model: itself, if it is one.

        Raises:
            ValidationError: The model refuses it.
        """
        return self._refusing(self._adapter.validate_python, value)

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Send the text of the document."""
        return lambda value: None if value is None else self._text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        """Read an instance out of the text of the document."""
        # asyncpg reads the text by itself, so that there is no processor.
        is_text = self.impl_instance.result_processor(dialect, coltype) is not None
        return lambda value: None if value is None else self._read(value if is_text else compact(value))

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render the text of the document as a literal."""
        name = dialect.type_compiler_instance.process(self)
        return lambda value: f"CAST({string_literal(self._text(value))} AS {name})"

    def _text(self, value: Any) -> str:
        document = self.validated(value)
        text = self._adapter.dump_json(document, by_alias=False, round_trip=True, warnings=False).decode()
        # An instance may have been changed since it was validated.
        self._read(text)
        return text

    def _read(self, text: str) -> T:
        validate = partial(self._adapter.validate_json, by_alias=False, by_name=True)
        return self._refusing(validate, text)

    def _refusing(self, validate: Callable[[Any], T], value: Any) -> T:
        try:
            return validate(value)
        except PydanticValidationError as error:
            name = getattr(self.model, "__name__", str(self.model))
            # Not chained, because it tells the values.
            raise ValidationError(name, _reasons(error)) from None

    class Comparator(TypeDecorator.Comparator[Any], sqltypes.JSON.Comparator[Any]):
        """Access to the parts of the document."""

        def _setup_getitem(self, index: Any) -> Any:  # key, position or path, as in the base
            # A part is a plain document: the model does not describe it.
            operator, path, _ = super()._setup_getitem(index)  # type: ignore[no-untyped-call] # no hints
            return operator, path, JSON()

    comparator_factory = Comparator


def _reasons(error: PydanticValidationError) -> dict[str, str]:
    found = error.errors(include_input=False, include_url=False)
    return {".".join(map(str, one["loc"])) or "value": one["msg"] for one in found}


@event.listens_for(Mapper, "mapper_configured")
def _track(mapper: Mapper[Any], cls: type[Any]) -> None:
    for attribute in mapper.column_attrs:
        type_ = attribute.columns[0].type
        document = getattr(type_, "plain", type_)
        if isinstance(document, PydanticJSON):
            track_attribute(cls, attribute.key, document.validated)
