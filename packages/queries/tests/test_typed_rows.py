"""Types of rows: which are taken, their fields and defaults, and the objects that are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, NotRequired, TypedDict

import msgspec
import pydantic
import pytest
from pydantic import BaseModel as Pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries import QueryBuilder
from andamios_orm.queries.typed_rows import row_type

from .airport import Flight


@dataclass
class Plain:
    id: int
    price: Decimal
    delay: int | None = -1


@dataclass(frozen=True, slots=True)
class Frozen:
    id: int
    price: Decimal
    delay: int | None = -1


@dataclass(kw_only=True)
class KeywordsOnly:
    delay: int | None = -1
    price: Decimal
    id: int


@dataclass
class SomeKeywords:
    price: Decimal
    delay: int | None = field(default=-1, kw_only=True)
    id: int


@dataclass
class Computed:
    id: int
    price: Decimal
    double: Decimal = field(init=False)
    delay: int | None = field(default_factory=lambda: -1)

    def __post_init__(self) -> None:
        self.double = self.price * 2


@dataclass
class Child(Plain):
    day: date | None = None


@pydantic_dataclass
class Checked:
    id: int
    price: Decimal
    delay: int | None = -1


class Struct(msgspec.Struct):
    id: int
    price: Decimal
    delay: int | None = -1


class FrozenStruct(msgspec.Struct, frozen=True, array_like=True, gc=False):
    id: int
    price: Decimal
    delay: int | None = -1


class StructOfKeywords(msgspec.Struct, kw_only=True):
    delay: int | None = -1
    price: Decimal
    id: int


class ChildStruct(StructOfKeywords):
    """Its own field can be given by position, and those of its parent cannot."""

    day: date | None = None


class RenamedStruct(msgspec.Struct, rename="upper"):
    id: int
    price: Decimal = msgspec.field(name="cost")
    delay: int | None = msgspec.field(default_factory=lambda: -1)


class Tuple(NamedTuple):
    id: int
    price: Decimal
    delay: int | None = -1


class Model(Pydantic):
    id: int
    price: Decimal
    delay: int | None = -1


class StrictModel(Pydantic, frozen=True, extra="forbid"):
    id: int = Field(gt=0)
    price: Decimal
    delay: int | None = Field(default_factory=lambda: -1)


class AliasedModel(Pydantic):
    id: int = Field(alias="number")
    price: Decimal = Field(validation_alias="cost")
    delay: int | None = -1


class Typed(TypedDict):
    id: int
    price: Decimal
    delay: NotRequired[int | None]


class Partial(TypedDict, total=False):
    id: int
    price: Decimal
    delay: int | None


TYPES: tuple[type[Any], ...] = (
    Plain,
    Frozen,
    KeywordsOnly,
    SomeKeywords,
    Computed,
    Child,
    Checked,
    Struct,
    FrozenStruct,
    StructOfKeywords,
    ChildStruct,
    RenamedStruct,
    Tuple,
    Model,
    StrictModel,
    AliasedModel,
    Typed,
    Partial,
)


def read(made: Any, name: str) -> Any:
    return made.get(name, -1) if isinstance(made, dict) else getattr(made, name)


@pytest.mark.parametrize("type_", TYPES)
async def test_objects_of_all_fields(session: AsyncSession, type_: type[Any]) -> None:
    found = await QueryBuilder(Flight, session).order_by("id").limit(3).into(type_)
    assert {type(each) for each in found} == {dict if type_ in (Typed, Partial) else type_}
    assert [tuple(read(each, name) for name in ("id", "price", "delay")) for each in found] == [
        (1, Decimal("100.00"), 10),
        (2, Decimal("200.00"), 70),
        (3, Decimal("300.00"), None),
    ]


@pytest.mark.parametrize("columns", [("id", "price"), ("price", "id"), ("day", "price", "id")])
@pytest.mark.parametrize("type_", TYPES)
async def test_what_is_not_there_has_its_default(
    session: AsyncSession, type_: type[Any], columns: Sequence[str]
) -> None:
    found = await QueryBuilder(Flight, session).filter(id=4).select(*columns).into(type_)
    assert [(read(each, "id"), read(each, "price"), read(each, "delay")) for each in found] == [
        (4, Decimal("400.00"), -1)
    ]


@pytest.mark.parametrize("type_", [each for each in TYPES if each is not Partial])
async def test_what_is_missing_is_named(session: AsyncSession, type_: type[Any]) -> None:
    query = QueryBuilder(Flight, session).select("delay", "id")
    with pytest.raises(ConfigurationError, match=f"{type_.__name__} needs price, which the query has not"):
        await query.into(type_)
    with pytest.raises(ConfigurationError, match=f"{type_.__name__} needs id, price, which"):
        await query.select("delay").into(type_)


async def test_nothing_of_a_partial_dict_is_needed(session: AsyncSession) -> None:
    found = await QueryBuilder(Flight, session).filter(id=1).select("delay", "day").into(Partial)
    assert found == [{"delay": 10}]


async def test_what_an_object_computes_is_not_read(session: AsyncSession) -> None:
    found = await QueryBuilder(Flight, session).filter(id=2).into(Computed)
    assert dataclasses.astuple(found[0]) == (2, Decimal(200), Decimal(400), 70)
    assert row_type(Computed).names == ("id", "price", "delay")


async def test_a_model_validates(session: AsyncSession) -> None:
    class Late(Pydantic):
        id: int
        delay: int = Field(ge=20)

    flights = QueryBuilder(Flight, session).order_by("id")
    assert [late.id for late in await flights.filter(delay__gt=20).into(Late)] == [2, 5, 6]
    with pytest.raises(pydantic.ValidationError, match="greater than or equal to 20"):
        await flights.filter(id__in=[1, 4]).into(Late)
    with pytest.raises(pydantic.ValidationError, match="should be a valid integer"):
        await flights.filter(delay=None).into(Late)
    assert await flights.count() == 7


async def test_a_model_converts(session: AsyncSession) -> None:
    class Written(Pydantic):
        price: float
        day: date
        route: Route

    class Route(Pydantic):
        to: str

    Written.model_rebuild(_types_namespace={"Route": Route})
    found = await QueryBuilder(Flight, session).filter(id=1).into(Written)
    assert found == [Written(price=100.0, day=date(2013, 1, 1), route=Route(to="LAX"))]


@pytest.mark.parametrize("type_", [int, dict, tuple, object, Decimal, list[int], None, 3, "Plain", lambda: 1])
def test_types_without_fields(type_: Any) -> None:
    with pytest.raises(ConfigurationError, match="rows become objects of a dataclass"):
        row_type(type_)


async def test_types_without_fields_are_refused_before_anything_is_sent(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="rows become objects of"):
        await QueryBuilder(Flight, session).into(int)
