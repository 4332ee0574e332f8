"""What type checkers know of schemas, and of the way from objects to them and back."""

from __future__ import annotations

from typing import assert_type

import pydantic
from sqlalchemy.orm import Mapped

from andamios_orm.models import BaseModel, DataclassModel, PydanticModelAdapter, schema_for


class Flight(BaseModel):
    number: Mapped[str]


class Point(DataclassModel):
    x: Mapped[int]


class Summary(pydantic.BaseModel):
    number: str


def schemas() -> None:
    assert_type(schema_for(Flight), type[pydantic.BaseModel])
    assert_type(schema_for(Flight, "create", exclude=["number"], depth=1), type[pydantic.BaseModel])
    schema_for(Flight, "patch")  # type: ignore[arg-type] # there is no such mode
    schema_for(Flight(number="UA1"))  # type: ignore[arg-type] # this is an object


def adapters(flight: Flight, summary: Summary) -> None:
    adapter = PydanticModelAdapter(Flight, depth=1)
    assert_type(adapter, PydanticModelAdapter[Flight])
    assert_type(adapter.schema, type[pydantic.BaseModel])
    assert_type(adapter.to_pydantic(flight), pydantic.BaseModel)
    assert_type(adapter.to_pydantic(flight, Summary), Summary)
    assert_type(adapter.from_pydantic(summary), Flight)
    assert_type(adapter.from_pydantic(summary, into=flight), Flight)
    assert_type(PydanticModelAdapter(Point).from_pydantic(summary), Point)
    adapter.to_pydantic(Point(1))  # type: ignore[call-overload] # this adapter is for flights
    adapter.to_pydantic(flight, Flight)  # type: ignore[type-var] # this is no pydantic model
    adapter.from_pydantic({"number": "UA1"})  # type: ignore[arg-type] # this is no pydantic model
    adapter.from_pydantic(summary, into=Point(1))  # type: ignore[arg-type] # this adapter is for flights
