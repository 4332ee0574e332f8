"""Entries in memory: bounded, for their time, and until one of their tables changes."""

from __future__ import annotations

from time import monotonic

import pytest

from andamios_orm.core.cache import memory
from andamios_orm.core.cache.memory import Entry, MemoryCache
from andamios_orm.core.cache.written import EVERYTHING


def entry(*tables: str, since: int = 0, seconds: float = 60) -> Entry:
    return Entry(b"data", frozenset(tables), since, monotonic() + seconds)


def test_an_entry_is_found_until_it_is_removed() -> None:
    cache = MemoryCache(10)
    assert cache.get("a") is None
    kept = entry()
    assert cache.put("a", kept)
    assert cache.get("a") is kept
    cache.remove("a")
    cache.remove("a")
    assert (cache.get("a"), len(cache), cache.removals) == (None, 0, 2)


def test_what_was_used_least_recently_goes_first() -> None:
    cache = MemoryCache(2)
    cache.put("a", entry())
    cache.put("b", entry())
    cache.get("a")
    cache.put("c", entry())
    assert [key for key in "abc" if cache.get(key)] == ["a", "c"]


def test_an_entry_goes_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = monotonic()
    monkeypatch.setattr(memory, "monotonic", lambda: now)
    cache = MemoryCache(10)
    cache.put("short", entry(seconds=1))
    cache.put("long", entry(seconds=10))
    now += 5
    assert [key for key in ("short", "long") if cache.get(key)] == ["long"]
    assert len(cache) == 1


def test_an_entry_goes_when_one_of_its_tables_changes() -> None:
    cache = MemoryCache(10)
    cache.put("both", entry("flight", "airline"))
    cache.put("one", entry("flight"))
    cache.put("none", entry())
    cache.change(["airline"])
    assert [key for key in ("both", "one", "none") if cache.get(key)] == ["one", "none"]


def test_everything_goes_when_everything_changes() -> None:
    cache = MemoryCache(10)
    cache.put("one", entry("flight"))
    cache.put("none", entry())
    cache.change(["flight", EVERYTHING])
    assert len(cache) == 0
    assert not cache.is_unchanged(["airline"], 0)
    assert cache.is_unchanged(["flight", "airline"], cache.count)


@pytest.mark.parametrize("changed", ["flight", EVERYTHING])
def test_what_is_older_than_a_change_is_not_kept(changed: str) -> None:
    cache = MemoryCache(10)
    before = cache.count
    cache.change([changed])
    assert not cache.put("a", entry("flight", since=before))
    assert cache.put("a", entry("flight", since=cache.count))
    assert cache.is_unchanged(["airline"], before) is (changed == "flight")
