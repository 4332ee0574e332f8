"""Hold entries in Redis, for all processes that share it, and hear from them what has changed.

Every change counts a clock in Redis up, and is written down there with the table and published, in one step.
An entry carries the clock of the time when it was known to be right, and is right as long as none of its
tables has changed since. So nothing is searched for when a table changes, and a value that was loaded before
a change is refused when it comes after it. The clock is never behind the time of day: should Redis lose its
memory, it goes on from there, and what other processes still hold counts as old.

Redis may go away at any time. Then nothing is read or kept there, and nobody waits for it nor gets an error;
what has changed meanwhile is remembered, and told before anything is read there again.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from andamios_orm.core.cache.packing import UnpackError, pack, unpack
from andamios_orm.core.cache.scripts import FORGET, GET, PUT
from andamios_orm.core.cache.written import EVERYTHING
from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from redis.asyncio.client import PubSub
    from redis.commands.core import AsyncScript

__all__ = ["SharedCache", "SharedEntry"]

_PATIENCE = 0.5
"""Seconds that Redis has for an answer."""

_QUIET = 0.5
"""Seconds without a message after which is asked whether Redis is still there."""

_IDLE = 30
"""Seconds after which an unused connection is tried before it is used."""

_PAUSE = 0.2
"""Seconds between two attempts to reach Redis."""

_COMMANDS_AT_ONCE = 16
"""Bound on the connections to Redis, without the one for messages."""

_REMOVED_SECONDS = 600
"""Seconds for which the removal of a key keeps values out that were loaded before."""

_MOST_KEYS = 10_000
"""How many keys are remembered while Redis is away, before it is everything that has changed."""

_FAILURES = (RedisError, OSError, TimeoutError)

_NAMELESS: dict[str, Any] = dict.fromkeys(signature(AbstractConnection).parameters.keys() & {"driver_info"})
"""Keeps the client from looking its own version up on disk whenever it connects."""

_logger = logging.getLogger("andamios_orm.core.cache")


class SharedEntry(NamedTuple):
    """One value as Redis holds it."""

    data: bytes
    tables: frozenset[str]
    seconds: float
    """How long it may be kept."""


class SharedCache:
    """Hold entries in Redis, between `start` and `close`.

    Args:
        url: Where Redis is; may hold a password.
        namespace: What the names of its keys begin with, the same in all processes.
        heard: Is told the tables and the keys that another process has changed.

    Attributes:
        clock: The last time of Redis's clock that is known; all changes up to it are committed.
        connected: Whether Redis is in use.

    Raises:
        ConfigurationError: It is no URL of a Redis.
    """

    def __init__(
        self, url: str, namespace: str, heard: Callable[[Collection[str], Collection[str]], None]
    ) -> None:
        self.clock = 0
        self.connected = False
        self._prefix = f"{{{namespace}}}:"
        self._heard = heard
        self._process = uuid4().hex
        self._commands = _client(url, retries=1, health_check_interval=_IDLE)
        # A lost connection for messages must not come back unnoticed: what was said meanwhile is lost.
        self._messages = _client(url, retries=0)
        self._slots = asyncio.Semaphore(_COMMANDS_AT_ONCE)
        self._get = self._commands.register_script(GET)
        self._put = self._commands.register_script(PUT)
        self._forget = self._commands.register_script(FORGET)
        self._untold_tables: set[str] = set()
        self._untold_keys: set[str] = set()
        self._warned = False
        self._tried = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen, and return when Redis is in use or has failed to answer once."""
        self._tried.clear()
        self._listener = asyncio.create_task(self._keep_listening())
        await self._tried.wait()

    async def close(self) -> None:
        """Stop listening, and close the connections."""
        self.connected = False
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._commands.aclose()
        await self._messages.aclose()

    async def get(self, key: str) -> SharedEntry | None:
        """Return an entry that is still right."""
        found = await self._do(self._get, [key], [])
        return _entry(*found) if found else None

    async def put(
        self, key: str, data: bytes, tables: Collection[str], since: int, seconds: float, *, tell: bool
    ) -> None:
        """Keep an entry, unless something newer is known of it.

        Args:
            key: Its key.
            data: The packed value.
            tables: What it depends on.
            since: The clock when it was known to be right.
            seconds: How long it may be kept.
            tell: Whether the other processes are to give up what they hold under the key.
        """
        message = pack([self._process, [], [key]]) if tell else b""
        names = pack([f"t:{table}" for table in tables])
        done = await self._do(
            self._put, [key], [self._channel, message, since, names, data, _milliseconds(seconds)]
        )
        if done is None and tell:
            self._remember((), (key,))

    async def forget(self, tables: Collection[str], keys: Collection[str]) -> None:
        """Give up what depends on one of the tables, and the keys, here and in all processes."""
        if not await self._tell(tables, keys):
            self._remember(tables, keys)

    @property
    def _channel(self) -> str:
        return f"{self._prefix}changes"

    async def _tell(self, tables: Collection[str], keys: Collection[str]) -> bool:
        clock = await self._do(self._forget, keys, self._forget_arguments(tables, keys))
        return self._note_clock(clock)

    def _forget_arguments(self, tables: Collection[str], keys: Collection[str]) -> list[Any]:
        message = pack([self._process, list(tables), list(keys)])
        names = ("all" if table == EVERYTHING else f"t:{table}" for table in tables)
        return [self._channel, message, _milliseconds(_REMOVED_SECONDS), *names]

    def _note_clock(self, clock: bytes | None) -> bool:
        if clock is not None:
            self.clock = max(self.clock, int(clock))
        return clock is not None

    def _remember(self, tables: Collection[str], keys: Collection[str]) -> None:
        self._untold_tables.update(tables)
        self._untold_keys.update(keys)
        if len(self._untold_keys) > _MOST_KEYS:
            self._untold_tables.add(EVERYTHING)
            self._untold_keys.clear()

    async def _do(self, script: AsyncScript, keys: Collection[str], arguments: list[Any]) -> Any:
        # Returns None where Redis is away.
        async with self._slots:
            if not self.connected:
                return None
            try:
                return await self._run(script, keys, arguments)
            except _FAILURES as error:
                self._lose(error)
                return None

    async def _run(self, script: AsyncScript, keys: Collection[str], arguments: list[Any]) -> Any:
        names = [f"{self._prefix}clock", *(f"{self._prefix}entry:{key}" for key in keys)]
        async with asyncio.timeout(_PATIENCE):
            return await script(keys=names, args=arguments)

    async def _keep_listening(self) -> None:
        while True:
            messages = self._messages.pubsub()
            try:
                await self._join(messages)
                await self._listen(messages)
            except _FAILURES as error:
                self._lose(error)
            finally:
                self._tried.set()
                await _closed(messages)
            await asyncio.sleep(_PAUSE)

    async def _join(self, messages: PubSub) -> None:
        async with asyncio.timeout(_PATIENCE):
            await messages.subscribe(self._channel)
            await _next(messages)
        # Subscribed: from here on no message is missed. Now the others are told what changed here meanwhile.
        while True:
            tables, keys = set(self._untold_tables), set(self._untold_keys)
            self._note_clock(await self._run(self._forget, keys, self._forget_arguments(tables, keys)))
            self._untold_tables -= tables
            self._untold_keys -= keys
            if not self._untold_tables and not self._untold_keys:
                break
        self._heard((EVERYTHING,), ())
        self.connected = True
        self._tried.set()
        if self._warned:
            self._warned = False
            _logger.info("Redis at %s is in use again", _place(self._commands))

    async def _listen(self, messages: PubSub) -> None:
        while self.connected:
            await self._attend(messages, await messages.get_message(timeout=_QUIET))

    async def _attend(self, messages: PubSub, message: Any) -> None:
        if message is None:
            await messages.ping()
            message = await _next(messages)
        if message["type"] == "message":
            self._hear(message["data"])

    def _hear(self, message: bytes) -> None:
        clock, _, told = message.partition(b" ")
        try:
            self._note_clock(clock)
            process, *changed = unpack(told) if told else ("", [EVERYTHING], [])
            tables, keys = map(list, changed)
        except (UnpackError, ValueError, TypeError):
            process, tables, keys = "", [EVERYTHING], []
        if process != self._process:
            self._heard(tables, keys)

    def _lose(self, error: BaseException) -> None:
        # The message of an error may repeat what was sent to Redis, and with it a password.
        self.connected = False
        if not self._warned:
            self._warned = True
            place, kind = _place(self._commands), type(error).__name__
            _logger.warning("Redis at %s is away (%s): every process caches for itself", place, kind)


def _client(url: str, retries: int, **options: Any) -> Redis:
    try:
        client: Any = Redis.from_url(
            url,
            decode_responses=False,
            socket_connect_timeout=_PATIENCE,
            # Its limits use asyncio.wait_for, which may lose a cancellation on Python 3.11. Ours do not.
            socket_timeout=None,
            retry=Retry(NoBackoff(), retries),
            **_NAMELESS,
            **options,
        )
        client.connection_pool.make_connection()
    except (ValueError, TypeError, AttributeError, RedisError):
        # Not chained: the message may hold a part of the password.
        raise ConfigurationError(
            "this is no URL of a Redis: write redis://host:6379/0, rediss://user:password@host:6379/0 or "
            "unix:///path/to/socket"
        ) from None
    redis: Redis = client
    return redis


def _place(client: Redis) -> str:
    known = client.connection_pool.connection_kwargs
    return str(known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}")


async def _next(messages: PubSub) -> Any:
    return _answer(await messages.get_message(timeout=_PATIENCE))


def _answer(message: Any) -> Any:
    if message is None:
        raise RedisConnectionError("no answer")
    return message


async def _closed(messages: Any) -> None:
    with suppress(*_FAILURES):
        await messages.aclose()


def _entry(tables: bytes, data: bytes, milliseconds: int) -> SharedEntry | None:
    # None for what a CacheManager has not written.
    try:
        return SharedEntry(data, frozenset(name[2:] for name in unpack(tables)), milliseconds / 1000)
    except (UnpackError, TypeError):
        return None


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
