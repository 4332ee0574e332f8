"""Keep every version of a row, and who made it: read what a row was, who changed it, and bring it back."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped

from andamios_orm.core import SessionManager, correlation_id, create_memory_engine, run
from andamios_orm.models import AuditMixin, BaseModel, actor, create_all


class Document(AuditMixin, BaseModel):
    """A document; its versions stand in ``document_history``."""

    title: Mapped[str]
    words: Mapped[int]


engine = create_memory_engine()


async def write() -> int:
    """Make a document and change it, as two people; return its key."""
    with actor("ada"):
        async with SessionManager(engine) as session:
            document = Document(title="Plan", words=100)
            session.add(document)
            await session.flush()
            key: int = document.id
    with actor("grace"), correlation_id("request-7"):
        async with SessionManager(engine) as session:
            (await session.get_one(Document, key)).title = "Better plan"
    async with SessionManager(engine) as session:
        document = await session.get_one(Document, key)
        print("made by", document.created_by, "- changed by", document.updated_by)
    return key


async def write_many() -> None:
    """Record what bulk operations write, too."""
    with actor("import"):
        async with SessionManager(engine) as session:
            await session.bulk_insert(Document, [{"title": f"Note {n}", "words": n} for n in range(1_000)])
            await session.execute(update(Document).where(Document.words < 3).values(title="Empty"))
            await session.execute(delete(Document).where(Document.title == "Empty"))
    versions = Document.__history_table__.c
    async with SessionManager(engine) as session:
        made = (await session.scalars(select(versions.operation).where(versions.actor == "import"))).all()
    print({operation: made.count(operation) for operation in ("insert", "update", "delete")})


async def main() -> None:
    """Write, look back, and restore."""
    await create_all(engine)

    key = await write()
    async with SessionManager(engine) as session:
        first, second = await Document.history(session, key)
        for version in (first, second):
            print(version.operation, version.actor, version.correlation_id, version.row.title)

        past = await Document.as_of(session, key, first.valid_from)
        print("at first:", past)
        with actor("ada"):
            await session.merge(first.row)

    async with SessionManager(engine) as session:
        print("restored:", [version.row.title for version in await Document.history(session, key)])

    await write_many()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
