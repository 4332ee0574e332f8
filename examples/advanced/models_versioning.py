"""Optimistic locking: two people change one document, and the second one is told."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from andamios_orm.core import AsyncSession, SessionManager, TransactionManager, create_memory_engine, run
from andamios_orm.core.errors import StaleVersionError
from andamios_orm.models import BaseModel, IntegerKey, VersioningMixin, create_all


class Document(IntegerKey, VersioningMixin, BaseModel):
    """A text that several people change."""

    body: Mapped[str]


engine = create_memory_engine()


async def read() -> Document:
    """Read the document, as somebody does who will change it later."""
    async with SessionManager(engine) as session:
        return await session.get_one(Document, 1)


async def write(document: Document, body: str) -> None:
    """Write it, unless somebody was faster."""
    try:
        async with SessionManager(engine) as session:
            session.add(document)
            document.body = body
    except StaleVersionError as error:
        print("refused:", str(error).splitlines()[0])
    else:
        print(f"written: {body!r}, version {document.version}")


async def append(session: AsyncSession) -> None:
    """Read and write in one transaction, which is replayed where somebody was faster."""
    document = await session.get_one(Document, 1)
    document.body += "!"


async def main() -> None:
    """Let two people change what they have read."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        session.add(Document(id=1, body="draft"))
    mine, theirs = await read(), await read()
    await write(theirs, "their text")
    await write(mine, "my text")
    await write(await read(), "my text, after reading theirs")
    await TransactionManager(engine).run(append)
    print("in the end:", await read())
    await engine.dispose()


if __name__ == "__main__":
    run(main())
