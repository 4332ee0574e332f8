"""Models that validate: in constructors, assignments and statements, and in the database on request."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field
from sqlalchemy import insert, text
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosError, SessionManager, ValidationError, create_memory_engine, run
from andamios_orm.models import BaseModel, create_all

Code = Annotated[str, Field(min_length=2, max_length=2), AfterValidator(str.upper)]


class Airline(BaseModel):
    """A carrier; its table has CHECK constraints for the bounds of ``code`` and ``planes``."""

    __check_constraints__ = True

    code: Mapped[Code] = mapped_column(primary_key=True)
    mail: Mapped[EmailStr | None]
    planes: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)


async def main() -> None:
    """Run into each of the walls."""
    engine = create_memory_engine()
    await create_all(engine)

    try:
        Airline(code="united", mail="nobody", planes=-1)
    except ValidationError as error:
        for attribute, what in error.errors.items():
            print(f"{attribute}: {what}")

    async with SessionManager(engine) as session:
        airline = Airline(code="ua", planes="900")
        session.add(airline)
        print("made:", airline)
        try:
            airline.code = "UAL"
        except ValidationError as error:
            print("assigned:", error)

    try:
        async with SessionManager(engine) as session:
            await session.execute(insert(Airline), [{"code": "aa"}, {"code": "delta"}])
    except ValidationError as error:
        print("inserted:", error)

    try:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO airline VALUES ('B6', NULL, -1)"))
    except AndamiosError as error:
        print("raw SQL:", type(error).__name__)
    await engine.dispose()


if __name__ == "__main__":
    run(main())
