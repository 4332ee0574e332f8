"""Events: hear of what happens to objects, in transactions, with statements and connections."""

from andamios_orm.core.events.bus import (
    EventBus,
    Subscription,
    events_of,
    model_events,
)
from andamios_orm.core.events.handlers import (
    Handler,
)
from andamios_orm.core.events.types import (
    AfterCommit,
    AfterDelete,
    AfterExecute,
    AfterInsert,
    AfterLoad,
    AfterRollback,
    AfterUpdate,
    BeforeCommit,
    BeforeDelete,
    BeforeExecute,
    BeforeInsert,
    BeforeUpdate,
    ConnectionAcquired,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionReleased,
    Event,
    ModelEvent,
    TransactionBegin,
)

__all__ = [
    "AfterCommit",
    "AfterDelete",
    "AfterExecute",
    "AfterInsert",
    "AfterLoad",
    "AfterRollback",
    "AfterUpdate",
    "BeforeCommit",
    "BeforeDelete",
    "BeforeExecute",
    "BeforeInsert",
    "BeforeUpdate",
    "ConnectionAcquired",
    "ConnectionClosed",
    "ConnectionOpened",
    "ConnectionReleased",
    "Event",
    "EventBus",
    "Handler",
    "ModelEvent",
    "Subscription",
    "TransactionBegin",
    "events_of",
    "model_events",
]
