"""What type checkers know of hooks: decorators keep the types of what they decorate."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy.orm import Mapped

from andamios_orm.core import AsyncSession
from andamios_orm.models import BaseModel, after_create, after_load, before_update


class Flight(BaseModel):
    number: Mapped[str]

    @after_create
    @after_load
    async def announce(self, session: AsyncSession) -> int:
        return len(session.new)


@before_update(Flight)
def check(flight: Flight, changed: frozenset[str]) -> bool:
    return "number" in changed


@after_create(Flight)
async def note(flight: BaseModel, session: AsyncSession) -> None:
    session.add(flight)


@before_update(Flight)  # type: ignore[arg-type] # the function is for other objects
def check_text(text: str) -> None:
    text.upper()


@before_update(Flight)  # type: ignore[arg-type] # the function takes no object
def check_nothing() -> None: ...


@before_update("Flight")  # type: ignore[call-overload,untyped-decorator] # this is the name of a model
def check_late(flight: Flight) -> None: ...


async def decorated(flight: Flight, session: AsyncSession) -> None:
    assert_type(await flight.announce(session), int)
    assert_type(check(flight, frozenset()), bool)
    assert_type(check(flight, changed=frozenset()), bool)
    assert_type(await note(flight, session=session), None)
    check(flight)  # type: ignore[call-arg] # `changed` is missing
    await flight.announce(5)  # type: ignore[arg-type] # this is no session
