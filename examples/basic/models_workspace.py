"""Projects with conversations, documents and repositories: the models of a tool around a language model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import pydantic
from pydantic import Field, HttpUrl
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.core.errors import ValidationError
from andamios_orm.models import TimestampedModel, create_all, schema_for
from andamios_orm.models.types import PydanticJSON


class Message(pydantic.BaseModel):
    """What was said."""

    role: Literal["user", "assistant"]
    text: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Project(TimestampedModel):
    """What everything else belongs to."""

    name: Mapped[Annotated[str, Field(min_length=1, max_length=80)]] = mapped_column(unique=True)
    conversations: Mapped[list[Conversation]] = relationship(
        back_populates="project", cascade="all, delete-orphan"
    )
    documents: Mapped[list[Document]] = relationship(back_populates="project", cascade="all, delete-orphan")
    repositories: Mapped[list[Repository]] = relationship(
        back_populates="project", cascade="all, delete-orphan"
    )


class Conversation(TimestampedModel):
    """Messages, in the order in which they were said."""

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    title: Mapped[str]
    messages: Mapped[list[Message]] = mapped_column(PydanticJSON(list[Message]), default=list)
    project: Mapped[Project] = relationship(back_populates="conversations")


class Document(TimestampedModel):
    """A text that conversations may be about."""

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    title: Mapped[str]
    words: Mapped[Annotated[int, Field(ge=0)]]
    project: Mapped[Project] = relationship(back_populates="documents")


class Repository(TimestampedModel):
    """Where the code of a project is kept."""

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    url: Mapped[HttpUrl] = mapped_column(PydanticJSON(HttpUrl))
    project: Mapped[Project] = relationship(back_populates="repositories")


engine = create_memory_engine()


async def main() -> None:
    """Fill a project, go on with a conversation, and delete the project with all that belongs to it."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        moon = Project(name="Moon")
        moon.conversations = [Conversation(title="Landing", messages=[Message(role="user", text="When?")])]
        moon.repositories = [Repository(url="https://example.org/moon.git")]
        session.add(moon)
        await session.flush()
        rows = [(moon.id, f"Report {number}", 100 * number) for number in range(1_000)]
        await session.bulk_insert(Document, rows, columns=["project_id", "title", "words"])

    async with SessionManager(engine) as session:
        conversation = (await session.scalars(select(Conversation))).one()
        conversation.messages.append(Message(role="assistant", text="In July."))
        print("changed:", sorted(conversation.changed_fields()))

    async with SessionManager(engine) as session:
        everything = selectinload(Project.conversations), selectinload(Project.repositories)
        moon = (await session.scalars(select(Project).options(*everything))).one()
        print([f"{message.role}: {message.text}" for message in moon.conversations[0].messages])
        print("kept at", moon.repositories[0].url)
        print("words:", await session.scalar(select(func.sum(Document.words))))
        try:
            moon.name = ""
        except ValidationError as error:
            print(error)
        schema = schema_for(Conversation, mode="read", exclude=["created_at", "updated_at"])
        print("an API shows:", ", ".join(schema.model_json_schema()["properties"]))
        await session.delete(moon)

    async with SessionManager(engine) as session:
        print("documents left:", await session.scalar(select(func.count(Document.id))))
    await engine.dispose()


if __name__ == "__main__":
    run(main())
