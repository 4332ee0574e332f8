"""Documents that are pydantic models: validated both ways."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import BaseModel as Schema
from pydantic import ConfigDict, Field, Secret
from sqlalchemy import MetaData, insert, literal, null, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine
from andamios_orm.core.errors import DataError, ValidationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import PydanticJSON


class Message(Schema):
    role: str
    text: str = Field(max_length=20)


class Settings(Schema):
    model_config = ConfigDict(strict=True)

    theme: str = Field(alias="colour-theme", default="dark")
    since: dt.date | None = None
    limits: dict[str, int] = {}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Conversation(Base):
    settings: Mapped[Any] = mapped_column(PydanticJSON(Settings), nullable=True)
    messages: Mapped[Any] = mapped_column(PydanticJSON(list[Message]), nullable=True)


HELLO = Message(role="user", text="Hello")
DAY = dt.date(2026, 11, 21)


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        settings = Settings(since=DAY, limits={"tokens": 5}, **{"colour-theme": "light"})
        session.add(Conversation(settings=settings, messages=[HELLO, {"role": "bot", "text": "Hi"}]))
    return engine


async def test_document_has_the_names_of_the_fields(filled: AndamiosEngine) -> None:
    async with filled.connect() as connection:
        settings, messages = (
            await connection.execute(text("SELECT settings, messages FROM conversation"))
        ).one()
    assert settings == '{"theme":"light","since":"2026-11-21","limits":{"tokens":5}}'
    assert messages == '[{"role":"user","text":"Hello"},{"role":"bot","text":"Hi"}]'


async def test_instances_are_read(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        found = (await session.scalars(select(Conversation))).one()
    assert found.settings.theme == "light"
    assert found.settings.since == DAY
    assert found.messages == [HELLO, Message(role="bot", text="Hi")]


async def test_none_is_null(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        session.add_all([Conversation(), Conversation(settings=null())])
    async with SessionManager(filled) as session:
        without = select(Conversation.settings).where(Conversation.settings.is_(None))
        assert (await session.scalars(without)).all() == [None, None]


def test_dict_becomes_an_instance_on_assignment() -> None:
    conversation = Conversation(messages=[{"role": "user", "text": "Hello"}])
    assert conversation.messages == [HELLO]


def test_assignment_is_validated() -> None:
    with pytest.raises(ValidationError) as caught:
        Conversation(messages=[{"role": "user", "text": "secret" * 5}, {"text": "x"}])
    assert set(caught.value.errors) == {"0.text", "1.role"}
    assert "secret" not in str(caught.value)
    with pytest.raises(ValidationError, match="Settings: value: "):
        Conversation(settings=5)


async def test_instance_that_was_spoilt_is_not_written(filled: AndamiosEngine) -> None:
    spoilt = Message(role="user", text="x")
    spoilt.text = "x" * 21
    async with SessionManager(filled) as session:
        session.add(Conversation(messages=[spoilt]))
        with pytest.raises(DataError, match=r"0\.text: String should have at most 20"):
            await session.flush()
        await session.rollback()


@pytest.mark.parametrize("way", ["insert", "update", "bulk_insert"])
async def test_statements_are_validated(filled: AndamiosEngine, way: str) -> None:
    async with SessionManager(filled) as session:
        with pytest.raises(DataError, match="limits"):
            if way == "insert":
                await session.execute(insert(Conversation).values(settings={"limits": 5}))
            elif way == "update":
                await session.execute(update(Conversation).values(settings={"limits": 5}))
            else:
                await session.bulk_insert(Conversation, [{"settings": {"limits": 5}}])
        await session.rollback()


async def test_row_that_does_not_fit_is_an_error(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        await session.execute(text("""UPDATE conversation SET messages = '[{"role": "user"}]'"""))
        with pytest.raises(ValidationError, match=r"0\.text: Field required"):
            await session.execute(select(Conversation))


async def test_paths_give_plain_documents(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        theme, tokens = Conversation.settings["theme"], Conversation.settings["limits", "tokens"]
        query = select(
            theme.as_string(), tokens.as_integer(), Conversation.messages[0], Conversation.settings["limits"]
        )
        row = (await session.execute(query.where(theme.as_string() == "light"))).one()
    assert tuple(row) == ("light", 5, {"role": "user", "text": "Hello"}, {"tokens": 5})


async def test_documents_are_compared(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        same = Conversation.messages == [HELLO, Message(role="bot", text="Hi")]
        assert await session.scalar(select(Conversation.id).where(same)) == 1
        assert await session.scalar(select(Conversation.id).where(Conversation.messages == [HELLO])) is None


async def test_literal_is_rendered(engine: AndamiosEngine) -> None:
    statement = select(literal(Message(role="it's", text=""), PydanticJSON(Message)))
    shown = str(statement.compile(engine.sync_engine, compile_kwargs={"literal_binds": True}))
    assert """CAST('{"role":"it''s","text":""}' AS JSON)""" in shown


def test_python_type_is_the_model() -> None:
    assert PydanticJSON(Settings).python_type is Settings


async def test_driver_that_reads_the_text_by_itself() -> None:
    engine = create_engine("postgresql://postgres@127.0.0.1/postgres")
    async with engine.connect() as connection:
        value = literal(HELLO, PydanticJSON(Message))
        assert await connection.scalar(select(value)) == HELLO
    await engine.dispose()


def test_unknown_value_is_refused_without_telling_it() -> None:
    class Hidden(Schema):
        value: Secret[int]

    with pytest.raises(ValidationError):
        PydanticJSON(Hidden).validated({"value": "secret"})
