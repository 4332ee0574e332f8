"""Models that are dataclasses: constructors that type checkers know, with validation, keys and timestamps."""

from __future__ import annotations

import dataclasses
import uuid
from decimal import Decimal
from typing import Annotated

from pydantic import Field
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import SessionManager, ValidationError, create_memory_engine, run
from andamios_orm.models import (
    DataclassModel,
    PydanticModelAdapter,
    TimestampMixin,
    UUIDKey,
    create_all,
    schema_for,
)
from andamios_orm.models.types import Money


class Product(DataclassModel):
    """Its number is made by the database, so it is no argument of the constructor."""

    name: Mapped[Annotated[str, Field(max_length=40)]]
    price: Mapped[Decimal] = mapped_column(Money(10, 2))
    stock: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)


class Order(UUIDKey, TimestampMixin, DataclassModel, kw_only=True, eq=False):
    """Its arguments are given by their names, and an order equals itself alone."""

    customer: Mapped[str]
    lines: Mapped[list[Line]] = relationship(default_factory=list, back_populates="order")


class Line(DataclassModel, eq=False):
    """A product of an order."""

    product: Mapped[Product] = relationship()
    quantity: Mapped[Annotated[int, Field(ge=1)]] = mapped_column(default=1)
    order: Mapped[Order | None] = relationship(back_populates="lines", default=None)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), init=False)
    order_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("order.id"), init=False)


async def main() -> None:
    """Make objects, write them, and change them."""
    engine = create_memory_engine()
    await create_all(engine)

    hammer = Product("Hammer", price="19.90")  # type: ignore[arg-type] # validation makes a Decimal of the text
    print("made:", hammer, hammer == Product("Hammer", Decimal("19.9"), stock=0))
    try:
        Product("A name that is far too long for the column", 0.1, stock=-1)  # type: ignore[arg-type] # a float
    except ValidationError as error:
        for attribute, what in error.errors.items():
            print(f"refused: {attribute}: {what}")

    order = Order(customer="Ada", lines=[Line(hammer, 2)])
    print("its key is known before it is written:", order.id.version == 7)
    async with SessionManager(engine) as session:
        session.add(order)
        await session.flush()
        print("written:", hammer, order.created_at <= order.updated_at)
        session.add(dataclasses.replace(hammer, name="Big hammer"))  # a new row, with a key of its own
        await session.bulk_insert(Product, [Product("Nail", Decimal("0.05"), 1000)])

    products = PydanticModelAdapter(Product)
    request = schema_for(Product, "create").model_validate_json('{"name": "Saw", "price": 24.5}')
    print("of a request:", products.from_pydantic(request))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
