"""Repositories that cannot write."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.repositories.reading import Querying

if TYPE_CHECKING:
    from andamios_orm.core import AsyncSession

__all__ = ["ReadOnlyRepository"]

T = TypeVar("T")


class ReadOnlyRepository(Querying[T]):
    """Read the objects of a model, in a session whose database refuses writes.

    It has no methods that write, and its session is one of ``SessionManager(engine, read_only=True)``.
    """

    @property
    def session(self) -> AsyncSession:
        """The session.

        Raises:
            ConfigurationError: It may write.
            NoCurrentSessionError: None was given, and the task has none.
        """
        session = super().session
        if not getattr(session, "read_only", False):
            raise ConfigurationError(
                f"{type(self).__name__} wants a session that cannot write: "
                "SessionManager(engine, read_only=True)"
            )
        return session
