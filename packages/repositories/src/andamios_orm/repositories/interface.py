"""What application code may expect of any repository."""

from __future__ import annotations

import builtins
from typing import Any, Protocol, TypeVar

__all__ = ["IRepository"]

T = TypeVar("T")


class IRepository(Protocol[T]):
    """Find, write and list objects of one kind, wherever they are kept."""

    async def get_by_id(self, key: Any, /) -> T | None:
        """Return the object with a key; None where there is none."""
        ...

    async def create(self, data: Any = None, /, **values: Any) -> T:
        """Write a new object and return it."""
        ...

    async def update(self, target: Any, data: Any = None, /, **values: Any) -> T:
        """Change an object, given itself or its key, and return it."""
        ...

    async def delete(self, target: Any, /) -> bool:
        """Delete an object, given itself or its key; return whether there was one."""
        ...

    async def list(self, filters: Any = None, /) -> builtins.list[T]:
        """Return the objects that some filters are about."""
        ...
