"""Lifecycle hooks: methods of a model, sync or async, that the unit of work calls."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AsyncSession, SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, after_create, after_load, before_update, create_all


class Change(BaseModel):
    """What was changed in a conversation."""

    conversation: Mapped[int]
    fields: Mapped[str]


class Conversation(BaseModel):
    """An exchange of messages."""

    title: Mapped[str]
    slug: Mapped[str | None]
    messages: Mapped[int] = mapped_column(default=0)

    def before_create(self) -> None:
        """Complete what is about to be written."""
        self.slug = self.slug or self.title.lower().replace(" ", "-")

    async def after_update(self, session: AsyncSession, changed: frozenset[str]) -> None:
        """Write more in the same transaction."""
        session.add(Change(conversation=self.id, fields=", ".join(sorted(changed))))

    async def before_delete(self, session: AsyncSession) -> None:
        """Refuse, after a look into the database."""
        changes = select(func.count()).where(Change.conversation == self.id)
        if await session.scalar(changes):
            raise PermissionError(f"{self.title!r} has a history")

    @before_update
    def number(self) -> None:
        """Have a name of its own; the decorator tells when it is called."""
        self.messages = max(self.messages, 0)

    @after_load
    def greet(self) -> None:
        """Hear of a load."""
        print("  loaded:", self.title)


@after_create(Conversation)
async def announce(conversation: Conversation) -> None:
    """Stand outside of the model."""
    print("  created:", conversation.slug)


async def main() -> None:
    """Create, change, try to delete."""
    engine = create_memory_engine()
    await create_all(engine)

    async with SessionManager(engine) as session:
        session.add(Conversation(title="Large models"))
    async with SessionManager(engine) as session:
        conversation = await session.get_one(Conversation, 1)
        conversation.messages = -5
        conversation.title = "Small models"
    async with SessionManager(engine) as session:
        print("changed:", (await session.scalars(select(Change.fields))).all())
    try:
        async with SessionManager(engine) as session:
            await session.delete(await session.get_one(Conversation, 1))
    except PermissionError as error:
        print("not deleted:", error)
    await engine.dispose()


if __name__ == "__main__":
    run(main())
