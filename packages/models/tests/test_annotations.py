"""What annotations say of columns is read as it is written, wherever it stands."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pydantic
import pytest
from annotated_types import MaxLen, MinLen
from pydantic import EmailStr, Field
from sqlalchemy import MetaData, String, TypeDecorator, func
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import UserDefinedType
from typing_extensions import TypeAliasType

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.annotations import column_fields, constraints_of, field_attributes, is_checked, plain
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


Key = Annotated[int, mapped_column(primary_key=True)]
Short = TypeAliasType("Short", Annotated[str, Field(max_length=3)])


class Odd(UserDefinedType[Any]):
    """A type that tells nothing of its values."""


class Named:
    name: Mapped[Annotated[str, Field(min_length=1, max_length=3)]]


class Gate(Named, Base):
    number: Mapped[Key]
    terminal: Mapped[Annotated[str, Field(title="Terminal", max_length=1), mapped_column(index=True)] | None]
    area: Mapped[Short]
    seats = mapped_column(String)
    odd = mapped_column(Odd)
    upper = column_property(func.upper("a"))


class Wrapped(TypeDecorator[Any]):
    """A type around another that does not tell of its values either."""

    impl = String
    cache_ok = True


class Crate(Base):
    content = mapped_column(Wrapped)


class Level(Enum):
    LOW = 1


def test_annotations_with_calls_are_resolved_in_mixins_too() -> None:
    """SQLAlchemy would cut the text of the annotation at its commas."""
    fields = column_fields(Gate)
    assert fields.keys() == {"name", "number", "terminal", "area", "seats", "odd"}
    assert plain(fields["name"].annotation) == Annotated[str, MinLen(1), MaxLen(3)]
    assert plain(fields["area"].annotation) == Annotated[str, MaxLen(3)]


def test_what_is_sqlalchemys_is_left_out() -> None:
    fields = column_fields(Gate)
    assert list(constraints_of(fields["number"].annotation)) == []
    assert plain(fields["number"].annotation) is int
    assert plain(fields["terminal"].annotation) == Annotated[str, MaxLen(1)] | None
    assert field_attributes(fields["terminal"].annotation) == {"repr": True, "title": "Terminal"}
    assert fields["terminal"].column.index


def test_a_column_without_annotation_has_the_type_of_its_values() -> None:
    fields = column_fields(Gate)
    assert (fields["seats"].values(), fields["odd"].values()) == (str | None, object | None)


def test_a_type_that_tells_nothing_of_its_values_is_not_validated() -> None:
    column = column_fields(Crate)["content"]
    assert (column.validated, column.values()) == (False, object | None)
    assert Crate(content=3).content == 3


def test_kinds_of_constraints_can_be_left_out() -> None:
    assert plain(Annotated[str, MinLen(1), MaxLen(3)], without=(MinLen,)) == Annotated[str, MaxLen(3)]
    assert plain(Annotated[str, MinLen(1)], without=(MinLen,)) is str


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        datetime | None,
        Optional[str],  # noqa: UP045 # that is what is tested
        Level,
        EmailStr,
        Literal["a", "b"],
        Short,
        Annotated[str, "a word"],
        Annotated[list[str], MaxLen(2)] | None,
        list[Annotated[str, MaxLen(2)]],
        pydantic.BaseModel,
    ],
)
def test_scalars_and_constraints_are_checked(annotation: Any) -> None:
    assert is_checked(annotation)


@pytest.mark.parametrize("annotation", [None, Any, list[str], dict[str, Any] | None, object, list[str] | str])
def test_containers_and_what_may_be_anything_are_not(annotation: Any) -> None:
    assert not is_checked(annotation)


def test_a_name_that_is_not_known_is_told() -> None:
    limit = 3
    with pytest.raises(ConfigurationError, match=r"Local.name: Mapped.*name 'limit' is not defined"):

        class Local(Base):
            name: Mapped[Annotated[str, Field(max_length=limit)]]
