"""The outbox: events that are stored with the change that they tell of, and delivered when it is committed.

A program that commits a change and then sends a message may end in between; one that sends first may not
commit. So the event is a row of the same transaction, which a relay reads when it is there
(https://microservices.io/patterns/data/transactional-outbox.html).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Self, TypeVar, cast

import pydantic
from pydantic import Field, TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import DateTime, String, Text, inspect
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models import BaseModel, UUIDKey
from andamios_orm.models.timestamps import UTCDateTime, utc_now
from andamios_orm.models.types import JSON

__all__ = ["OutboxMessage", "listening", "outbox_of", "wake"]

T = TypeVar("T")


class _Moment(UTCDateTime):
    """To the microsecond everywhere: a message is due at once, and seconds may be rounded up."""

    impl = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True


class OutboxMessage(UUIDKey, BaseModel):
    """Base of the model whose rows are the messages: ``class Outbox(OutboxMessage)``.

    A message waits while it has ``due_at``; without it, it is delivered, or dead where ``delivered_at`` is
    missing too. Keys made later sort later, so their order is that in which messages were published.

    Attributes:
        id: The key, which a receiver can tell a second delivery by.
        topic: What it is about.
        payload: The event as a JSON document.
        created_at: When it was written.
        due_at: When it is to be delivered; while a relay delivers it, when another one may take it over.
        delivered_at: When it had been delivered.
        attempts: How many deliveries were begun.
        last_error: What the last one that failed said, without credentials.
    """

    __abstract__ = True

    topic: Mapped[Annotated[str, Field(min_length=1, max_length=255)]] = mapped_column(String(255))
    payload: Mapped[Any] = mapped_column(JSON, nullable=False)
    created_at: Mapped[datetime] = mapped_column(_Moment, default=utc_now)
    due_at: Mapped[datetime | None] = mapped_column(_Moment, default=utc_now)
    delivered_at: Mapped[datetime | None] = mapped_column(_Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)

    @classmethod
    def of(cls, event: object, topic: str | None = None) -> Self:
        """Return the message that tells of an event; later changes of the event do not reach it.

        Args:
            event: An instance of a dataclass or of a pydantic model, or a dict.
            topic: What it is about; by default the name of the class. A dict needs one.

        Raises:
            ConfigurationError: The event is something else, or a dict without a topic.
            ValidationError: A value has no place in JSON, or could not be read again as what it is.
        """
        if isinstance(event, dict) and topic is None:
            raise ConfigurationError('a dict does not say what it is about: publish(event, topic="...")')
        is_event = isinstance(event, dict | pydantic.BaseModel) or is_dataclass(event)
        if isinstance(event, type) or not is_event:
            raise ConfigurationError(
                f"publish an instance of a dataclass or of a pydantic model, or a dict, not {_named(event)}"
            )
        kind = type(event).__name__
        message = cls(topic=kind if topic is None else topic, payload=_document(kind, event))
        message.read(dict[str, Any] if isinstance(event, dict) else type(event))
        return message

    def read(self, kind: type[T]) -> T:
        """Return the payload as an instance of a class.

        Args:
            kind: A dataclass, a pydantic model or another type that pydantic validates.

        Raises:
            ConfigurationError: pydantic cannot validate this type.
            ValidationError: The payload does not fit it.
        """
        text = json.dumps(self.payload)
        try:
            return cast(
                "T", _adapter(cast("Hashable", kind)).validate_json(text, by_alias=False, by_name=True)
            )
        except pydantic.ValidationError as error:
            name = getattr(kind, "__name__", str(kind))
            # Not chained, because it tells the values.
            raise ValidationError(name, _reasons(error)) from None


def outbox_of(given: Any, service: str) -> type[OutboxMessage]:
    """Return the model that was given to a service as its outbox.

    Raises:
        ConfigurationError: It is no mapped subclass of `OutboxMessage`.
    """
    is_message = isinstance(given, type) and issubclass(given, OutboxMessage)
    if not is_message or inspect(given, raiseerr=False) is None:
        raise ConfigurationError(
            f"{service} needs a model as its outbox, class Outbox(OutboxMessage), not {_named(given)}"
        )
    return cast("type[OutboxMessage]", given)


_listening: list[tuple[type[OutboxMessage], asyncio.AbstractEventLoop, asyncio.Event]] = []


@contextmanager
def listening(model: type[OutboxMessage]) -> Iterator[asyncio.Event]:
    """Give an event of this loop that `wake` sets."""
    entry = (model, asyncio.get_running_loop(), asyncio.Event())
    _listening.append(entry)
    try:
        yield entry[2]
    finally:
        _listening.remove(entry)


def wake(model: type[OutboxMessage]) -> None:
    """Tell those of this process, in whichever thread, who listen for messages of a model."""
    for listened, loop, event in tuple(_listening):
        if listened is model:
            loop.call_soon_threadsafe(event.set)


def _document(kind: str, event: object) -> Any:
    try:
        document = to_jsonable_python(event, by_alias=False, round_trip=True, inf_nan_mode="constants")
        # What a database would refuse later: numbers that JSON does not have, halves of characters.
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValidationError(kind, {"event": str(error)}) from error
    return document


@lru_cache(maxsize=256)
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(cast("Any", kind))
    except (pydantic.errors.PydanticUserError, pydantic.errors.PydanticUndefinedAnnotation) as error:
        raise ConfigurationError(f"pydantic cannot validate {_named(kind)}: {error}") from error


def _reasons(error: pydantic.ValidationError) -> dict[str, str]:
    found = error.errors(include_input=False, include_url=False)
    return {".".join(map(str, one["loc"])) or "payload": one["msg"] for one in found}


def _named(given: object) -> str:
    return given.__name__ if isinstance(given, type) else f"a {type(given).__name__}"
