"""A script without sessions: objects that save themselves, each call a unit of work of its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import DuplicateKeyError, SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, IntegerKey, TimestampMixin, create_all
from andamios_orm.repositories.active_record.active_record import ActiveRecord


class Model(ActiveRecord, BaseModel):
    """The base of this script's models, which is bound to an engine."""

    __abstract__ = True


class Team(IntegerKey, Model):
    """Has users."""

    name: Mapped[str] = mapped_column(unique=True)
    users: Mapped[list[User]] = relationship(back_populates="team", cascade="all, delete-orphan")


class User(IntegerKey, TimestampMixin, Model):
    """Writes its address in small letters, whoever saves it."""

    email: Mapped[str] = mapped_column(unique=True)
    age: Mapped[Annotated[int, Field(ge=0)]]
    team_id: Mapped[int | None] = mapped_column(ForeignKey(Team.id))
    team: Mapped[Team | None] = relationship(back_populates="users")

    def before_save(self) -> None:
        """Make the address what it is compared as."""
        self.email = self.email.lower()


async def main() -> None:
    """Create, find, change and delete, with no session in sight; then several calls as one."""
    engine = create_memory_engine()
    await create_all(engine)
    Model.bind(engine)

    ada = await User.create(email="Ada@Example.org", age=36)
    print("created:", ada.email, "with the key", ada.id)
    for number in range(30):
        await User.first_or_create({"age": number}, email=f"user{number}@example.org")
    adults = User.where(age__gte=18).order_by("-created_at", "-id")
    print(
        "the latest adults:", [user.age for user in await adults.limit(3).all()], "of", await adults.count()
    )

    ada.email = "user1@example.org"
    try:
        await ada.save()
    except DuplicateKeyError:
        print("not saved, and not lost:", ada.email)
    ada.email, ada.team = "ada@example.org", await Team.create(name="Engines")
    await ada.save()
    team = await Team.find(ada.team.id, load="users")
    print("found:", team and [user.email for user in team.users])

    async with SessionManager(engine) as session:
        await User.where(age__lt=18).delete()
        print("in a session, all users:", len(await User.all()))
        await session.rollback()
    print("rolled back, all users:", len(await User.all()))
    await ada.delete()
    print("deleted:", await User.find(ada.id) is None)
    await engine.dispose()


if __name__ == "__main__":
    run(main())
