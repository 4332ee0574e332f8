"""Projects with conversations and documents in repositories: created, read, changed, paged and deleted."""

from __future__ import annotations

import pydantic
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import IntegerKey, TimestampedModel, create_all
from andamios_orm.repositories import GenericRepository


class Project(IntegerKey, TimestampedModel):
    """What everything else belongs to."""

    name: Mapped[str] = mapped_column(unique=True)
    conversations: Mapped[list[Conversation]] = relationship(cascade="all, delete-orphan")
    documents: Mapped[list[Document]] = relationship(cascade="all, delete-orphan")


class Conversation(IntegerKey, TimestampedModel):
    """What was said about a project."""

    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id))
    title: Mapped[str]


class Document(IntegerKey, TimestampedModel):
    """A text that belongs to a project."""

    project_id: Mapped[int] = mapped_column(ForeignKey(Project.id))
    title: Mapped[str]
    words: Mapped[int] = mapped_column(default=0)


class DocumentPatch(pydantic.BaseModel):
    """What a client may change."""

    title: str | None = None
    words: int | None = None


class Projects(GenericRepository[Project]):
    """All projects."""

    async def find_by_name(self, name: str) -> Project | None:
        """Return the project of a name."""
        return await self.find_one(name=name, load=["conversations", "documents"])


class Conversations(GenericRepository[Conversation]):
    """All conversations."""


class Documents(GenericRepository[Document]):
    """All documents."""


async def main() -> None:
    """Do with each of them what applications do all day."""
    engine = create_memory_engine()
    await create_all(engine)
    async with SessionManager(engine) as session:
        projects, documents = Projects(session), Documents(session)
        project = await projects.create(name="Andamios")
        await Conversations(session).create(project_id=project.id, title="Which database?")

        rows = [{"project_id": project.id, "title": f"Chapter {number}"} for number in range(1, 10_001)]
        print("documents written:", await documents.create_many(rows))
        await documents.update(1, DocumentPatch(words=1_200))
        print("changed at once:", await documents.update_where({"id__lte": 500, "words": 0}, words=300))

        page = await documents.page(2, 3, {"words__gt": 0}, order_by=["-words", "id"])
        print(f"page {page.number} of {page.pages}:", [document.title for document in page.items])

    async with SessionManager(engine) as session:
        found = await Projects(session).find_by_name("Andamios")
        if found is not None:
            print(
                found.name,
                "has",
                len(found.conversations),
                "conversation,",
                len(found.documents),
                "documents",
            )
            print("deleted:", await Projects(session).delete(found.id))
        print("documents left:", await Documents(session).count())
    await engine.dispose()


if __name__ == "__main__":
    run(main())
