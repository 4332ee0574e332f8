"""Encrypt a column, search by vectors, keep a pydantic model as a document, and count money exactly."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from cryptography.fernet import Fernet
from pydantic import BaseModel as Schema
from sqlalchemy import Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager, create_memory_engine, run
from andamios_orm.core.errors import ValidationError
from andamios_orm.models import BaseModel, create_all
from andamios_orm.models.types import Encrypted, Money, PydanticJSON, StrEnumType, Vector

KEY = Fernet.generate_key()


class Status(StrEnum):
    """How far a document is."""

    DRAFT = "draft"
    DONE = "done"


class Review(Schema):
    """What a reader says."""

    stars: int
    words: list[str] = []


class Document(BaseModel):
    """A document of a project."""

    title: Mapped[str]
    author: Mapped[str] = mapped_column(Encrypted(Text, key=KEY))
    embedding: Mapped[list[float]] = mapped_column(Vector(3))
    reviews: Mapped[list[Review]] = mapped_column(PydanticJSON(list[Review]))
    status: Mapped[Status] = mapped_column(StrEnumType(Status))
    price: Mapped[Decimal] = mapped_column(Money())


async def write(engine: AndamiosEngine) -> None:
    """Write two documents, and change what one of them consists of."""
    async with SessionManager(engine) as session:
        plan = Document(title="plan", author="Ada", embedding=[1, 0, 0], price=Decimal("9.99"))
        plan.reviews, plan.status = [Review(stars=3)], Status.DRAFT
        text_ = Document(title="text", author="Bo", embedding=[0, 1, 0], price=Decimal(12))
        text_.reviews, text_.status = [], Status.DONE
        session.add_all([plan, text_])
    async with SessionManager(engine) as session:
        document = (await session.scalars(select(Document).where(Document.title == "plan"))).one()
        document.reviews[0].words.append("clear")


async def read(engine: AndamiosEngine) -> None:
    """Show what the database has, and what a program reads."""
    async with SessionManager(engine) as session:
        print(
            "stored:",
            tuple(
                (await session.execute(text("SELECT author, reviews, status FROM document"))).first() or ()
            ),
        )
        document = (await session.scalars(select(Document).where(Document.status == Status.DRAFT))).one()
        print("read:  ", document.author, document.reviews, document.price)
        nearest = select(Document.title).order_by(Document.embedding.cosine_distance([0.1, 0.9, 0])).limit(1)
        print("nearest:", await session.scalar(nearest))
        taxed = select(Document.price * Decimal("0.0825")).order_by(Document.price)
        print("tax:", *await session.scalars(taxed))


async def main() -> None:
    """Do all of it."""
    engine = create_memory_engine()
    await create_all(engine)
    await write(engine)
    await read(engine)
    try:
        async with SessionManager(engine) as session:
            await session.bulk_insert(Document, [{"title": "third", "price": Decimal(10) / 3}])
    except ValidationError as error:
        print("refused:", error)
    await engine.dispose()


if __name__ == "__main__":
    run(main())
