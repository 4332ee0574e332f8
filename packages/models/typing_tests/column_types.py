"""What type checkers know of columns with types of their own."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import assert_type

import pydantic
from sqlalchemy import ColumnElement, Select, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AsyncSession
from andamios_orm.models import BaseModel
from andamios_orm.models.types import (
    LIST,
    STRUCT,
    Encrypted,
    Money,
    PydanticJSON,
    StrEnumType,
    Vector,
    cosine_distance,
    inner_product,
    l2_distance,
)


class Status(StrEnum):
    OPEN = "open"


class Settings(pydantic.BaseModel):
    theme: str = "dark"


class Document(BaseModel):
    embedding: Mapped[list[float]] = mapped_column(Vector(3))
    settings: Mapped[Settings] = mapped_column(PydanticJSON(Settings))
    token: Mapped[str | None] = mapped_column(Encrypted(Text, key=b""))
    price: Mapped[Decimal] = mapped_column(Money(10, 2))
    status: Mapped[Status] = mapped_column(StrEnumType(Status))
    tags: Mapped[list[str]] = mapped_column(LIST(Text))
    place: Mapped[dict[str, float]] = mapped_column(STRUCT({"lat": Text}))


def values(document: Document) -> None:
    assert_type(document.embedding, list[float])
    assert_type(document.settings, Settings)
    assert_type(document.settings.theme, str)
    assert_type(document.token, str | None)
    assert_type(document.price, Decimal)
    assert_type(document.status, Status)
    document.settings = Settings(theme="light")
    document.price = 9.99  # type: ignore[assignment] # an amount is no float
    document.settings = "dark"  # type: ignore[assignment] # this is no document
    document.embedding = "near"  # type: ignore[assignment] # this is no vector


def expressions() -> None:
    assert_type(cosine_distance(Document.embedding, [1, 0, 0]), ColumnElement[float])
    assert_type(l2_distance(Document.embedding, Document.embedding), ColumnElement[float])
    assert_type(inner_product(Document.embedding, [1, 0, 0]), ColumnElement[float])
    assert_type(Document.price > Decimal("9.99"), ColumnElement[bool])
    assert_type(PydanticJSON(Settings), PydanticJSON[Settings])
    assert_type(PydanticJSON(list[Settings]), PydanticJSON[list[Settings]])


async def statements(session: AsyncSession) -> None:
    near = cosine_distance(Document.embedding, [1, 0, 0])
    assert_type(select(Document).order_by(near), Select[Document])
    assert_type((await session.scalars(select(near))).one(), float)
    assert_type((await session.scalars(select(Document.settings))).one(), Settings)
    for document, distance in await session.execute(select(Document, near)):
        assert_type(document, Document)
        assert_type(distance, float)
