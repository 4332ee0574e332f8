"""Events as messages: what is stored of them, and what is read again."""

from __future__ import annotations

import asyncio
import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel as PydanticModel

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models import BaseModel
from andamios_orm.repositories.outbox.messages import OutboxMessage, listening, outbox_of, wake

from .outbox_models import Base, OrderPlaced, Outbox, Paid

ORDER = UUID("00000000-0000-0000-0000-00000000000e")
PAID = Paid(orderId=ORDER, moment=datetime(2026, 5, 1, 12, tzinfo=UTC))


@dataclass
class Loose:
    value: Any


class Foreign:
    pass


@dataclass
class Unreadable:
    value: Foreign


class Strict(PydanticModel, strict=True):
    key: UUID


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (OrderPlaced(7, lines=["a"]), {"number": 7, "total": "9.50", "lines": ["a"]}),
        (PAID, {"order": str(ORDER), "moment": "2026-05-01T12:00:00Z"}),
        (Strict(key=ORDER), {"key": str(ORDER)}),
    ],
)
def test_an_event_is_read_as_what_it_was(event: Any, payload: dict[str, Any]) -> None:
    message = Outbox.of(event)
    assert (message.topic, message.payload) == (type(event).__name__, payload)
    assert message.read(type(event)) == event


def test_a_dict_has_a_topic() -> None:
    message = Outbox.of({"number": 7, "total": Decimal("1.5"), "lines": {"a"}}, "orders.placed")
    assert (message.topic, message.payload) == (
        "orders.placed",
        {"number": 7, "total": "1.5", "lines": ["a"]},
    )
    assert message.read(OrderPlaced) == OrderPlaced(7, Decimal("1.5"), ["a"])


def test_a_topic_may_be_given() -> None:
    assert Outbox.of(OrderPlaced(1), "orders").topic == "orders"


def test_later_changes_of_an_event_do_not_reach_its_message() -> None:
    event = OrderPlaced(1, lines=["a"])
    message = Outbox.of(event)
    event.lines.append("b")
    assert message.payload["lines"] == ["a"]


def test_messages_made_later_have_larger_keys() -> None:
    keys = [Outbox.of(OrderPlaced(number)).id for number in range(1_000)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("event", [7, None, "text", [OrderPlaced(1)], OrderPlaced, Paid, ORDER])
def test_what_is_no_event_is_refused(event: Any) -> None:
    with pytest.raises(ConfigurationError, match="publish an instance of a dataclass or of a pydantic model"):
        Outbox.of(event, "topic")


def test_a_dict_without_a_topic_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'a dict does not say .*: publish\(event, topic="..."\)'):
        Outbox.of({"number": 1})


CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = CIRCLE


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Loose(object()), "Loose: event: Unable to serialize unknown type: <class 'object'>"),
        (Loose(math.nan), "Loose: event: Out of range float values are not JSON compliant"),
        ({"value": -math.inf}, "dict: event: Out of range float values are not JSON compliant"),
        ({"value": b"\xff"}, "dict: event: .* invalid utf-8"),
        ({"value": "\ud800"}, "dict: event: .* surrogates not allowed"),
        (CIRCLE, "dict: event: Circular reference detected"),
        (OrderPlaced("x"), "OrderPlaced: number: Input should be a valid integer"),  # type: ignore[arg-type] # wrong
        (Paid.model_construct(order=ORDER), "Paid: moment: Field required"),
    ],
)
def test_a_value_that_could_not_be_read_again_is_refused(event: Any, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Outbox.of(event, "topic")


def test_a_class_that_pydantic_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pydantic cannot validate Foreign"):
        Outbox.of(OrderPlaced(1)).read(Foreign)


@pytest.mark.parametrize("topic", ["", "t" * 256])
def test_a_topic_has_a_length(topic: str) -> None:
    with pytest.raises(ValidationError, match="topic"):
        Outbox.of(OrderPlaced(1), topic)


def test_a_payload_that_does_not_fit_is_refused_without_its_values() -> None:
    with pytest.raises(ValidationError) as caught:
        Outbox.of({"number": "secret"}, "orders").read(OrderPlaced)
    assert (caught.value.model, list(caught.value.errors)) == ("OrderPlaced", ["number"])
    assert "secret" not in str(caught.value)
    with pytest.raises(ValidationError, match="int: payload: Input should be a valid integer"):
        Outbox.of({"number": 1}, "orders").read(int)


def test_the_table_belongs_to_the_metadata_of_the_base() -> None:
    assert Outbox.metadata is Base.metadata
    assert "repository_outbox" in Base.metadata.tables
    assert "repository_outbox" not in BaseModel.metadata.tables


@pytest.mark.parametrize("given", [None, OutboxMessage, Base, Outbox.__table__, "outbox", Outbox.of(PAID)])
def test_what_is_no_outbox_is_refused(given: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"needs a model as its outbox, class Outbox\(OutboxMessage\)"
    ):
        outbox_of(given, "UnitOfWork")


async def test_who_listens_is_woken_from_another_thread() -> None:
    with listening(Outbox) as woken:
        thread = threading.Thread(target=wake, args=(Outbox,))
        thread.start()
        await woken.wait()
        thread.join()


async def test_who_listens_for_others_is_not_woken() -> None:
    with listening(OutboxMessage) as other, listening(Outbox) as woken:
        wake(Outbox)
        await woken.wait()
        assert not other.is_set()
    woken.clear()
    wake(Outbox)
    await asyncio.sleep(0)
    assert not woken.is_set()
