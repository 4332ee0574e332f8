"""Name who acts: what models record as the author of a change."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

__all__ = ["actor", "current_actor"]

_actor: ContextVar[str | None] = ContextVar("andamios_orm_actor", default=None)


class actor:  # noqa: N801 # it reads as a function, like `correlation_id`
    """Name who acts from here on, for this task and those that it starts.

    ``with actor("user-7"):`` ends with its block. The plain call ``actor("user-7")`` holds until the task, or
    the context that it was called in, ends: that is for a middleware or the start of a job.

    Args:
        name: Who; None for nobody.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._token: Token[str | None] = _actor.set(name)

    def __enter__(self) -> str | None:
        return self._name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _actor.reset(self._token)

    def __repr__(self) -> str:
        return f"actor({self._name!r})"


def current_actor() -> str | None:
    """Return who acts here: the innermost `actor`; None outside of any."""
    return _actor.get()
