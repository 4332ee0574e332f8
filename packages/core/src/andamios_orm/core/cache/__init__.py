"""A cache of values and of rows, in memory and in Redis, that no commit leaves stale."""

from andamios_orm.core.cache.cache import (
    CacheManager,
    CachePolicy,
    CacheStatistics,
)

__all__ = [
    "CacheManager",
    "CachePolicy",
    "CacheStatistics",
]
