"""What type checkers know of active records: each method is of the class that it is called on."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine
from andamios_orm.models import BaseModel, DataclassModel
from andamios_orm.queries import Page, QueryBuilder
from andamios_orm.repositories.active_record.active_record import ActiveRecord


class Model(ActiveRecord, BaseModel):
    __abstract__ = True


class User(Model):
    name: Mapped[str]
    age: Mapped[int]

    async def before_save(self) -> None:
        self.name = self.name.strip()

    def after_save(self) -> None:
        assert_type(self.name, str)


class Admin(User):
    pass


class Point(ActiveRecord, DataclassModel):
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=0)


async def objects(user: User) -> None:
    assert_type(await User.create(name="ada", age=36), User)
    assert_type(await User.create({"name": "ada"}, age=36), User)
    assert_type(await User.create(User(name="ada", age=36)), User)
    assert_type(await User.find(1), User | None)
    assert_type(await User.find(1, load="posts"), User | None)
    assert_type(await User.all(), list[User])
    assert_type(await User.first_or_create({"age": 36}, name="ada"), User)
    assert_type(await User.first_or_create(name="ada", defaults={"age": 36}), User)
    assert_type(await user.save(), User)
    await user.delete()
    await user.refresh("name")
    assert_type(await Admin.find(1), Admin | None)
    assert_type(await Admin(name="eve", age=18).save(), Admin)
    assert_type(await Point(1, y=2).save(), Point)


async def queries() -> None:
    assert_type(User.where(), QueryBuilder[User])
    assert_type(User.where({"name": "ada"}, User.age > 18, age__gte=18), QueryBuilder[User])
    assert_type(await User.where(age__gte=18).order_by("-age").limit(10).all(), list[User])
    assert_type(await User.where(name="ada").first(), User | None)
    assert_type(await User.where().paginate(1, 10), Page[User])
    assert_type(await Admin.where().all(), list[Admin])


def binding(engine: AndamiosEngine) -> None:
    Model.bind(engine)
    User.bind(None)
    User.bind("duckdb:///")  # type: ignore[arg-type] # an engine, not its URL
