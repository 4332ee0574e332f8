"""What repositories are tried with: people, whose rows are removed, and guests, whose rows are marked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import CheckConstraint, MetaData, String
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.models import NAMING_CONVENTION, BaseModel, IntegerKey, SoftDeleteMixin

__all__ = ["PEOPLE", "Base", "Guest", "Person", "row"]


class Base(BaseModel):
    """The models of these tests; nothing else shares their metadata."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Known:
    """Has a name and an address, which nobody else has."""

    email: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[Annotated[str, Field(max_length=20)]] = mapped_column(String(20))
    age: Mapped[int | None]


class Person(IntegerKey, Known, Base):
    """Somebody whose row is removed."""

    __tablename__ = "repository_people"
    __table_args__ = (CheckConstraint("age >= 0", name="age"),)


class Guest(IntegerKey, Known, SoftDeleteMixin, Base):
    """Somebody whose row is marked as deleted."""

    __tablename__ = "repository_guests"
    __table_args__ = (CheckConstraint("age >= 0", name="age"),)


def row(number: int, **values: Any) -> dict[str, Any]:
    """Return the values of somebody."""
    return {"id": number, "email": f"{number}@example.org", "name": f"n{number}", "age": 10 * number} | values


PEOPLE = [row(1), row(2), row(3), row(4, age=20), row(5, age=None)]
"""The rows that a repository is to find; two of them are 20 years old."""
