"""Texts that attack: each would do more than stand for itself, where a text became a part of SQL."""

from __future__ import annotations

__all__ = ["FILE_NAMES", "PAYLOADS", "VALUES"]

PAYLOADS = (
    "'",
    '"',
    "''",
    "`",
    "' OR '1'='1",
    "' OR 1=1 --",
    "1 OR 1=1",
    '" OR ""="',
    "') OR ('1'='1",
    "x' UNION SELECT code FROM airlines --",
    "x; DROP TABLE notes",
    "'; DROP TABLE notes; --",
    '"; DROP TABLE notes; --',
    "x/**/OR/**/1=1",
    "/* never closed",
    "--",
    "delay; --",
    "delay, (SELECT max(price) FROM flights)",
    "delay DESC; DELETE FROM notes",
    "flights.delay",
    'flights"."delay',
    "count(*)",
    "read_csv('/etc/passwd')",
    "getenv('HOME')",
    "notes.text",
    "*",
    "$1",
    "$$",
    "$x$ OR 1=1 $x$",
    "?",
    ":name",
    "%(name)s",
    "%s",
    "%",
    "_",
    "%%",
    "100%_",
    "{}",
    "{0.__class__}",
    "\\",
    "\\'",
    "\\x27",
    "\u2019 OR \u20181\u2019=\u20181",
    "\uff07 OR 1=1",
    "\u02bc",
    "\u202e' OR 1=1",
    "a\nb' OR 1=1\n--",
    "a\tb",
    "a\x00b' OR 1=1",
    "__class__",
    "_sa_registry",
    "metadata",
    "self",
    "1",
    "null",
    "SELECT",
    "x" * 10_000,
    "'" * 1_000,
)
"""Texts that come as names or as values."""

VALUES = (*PAYLOADS, "", "__", "delay", "F('delay')", " ", "\U0001f600")
"""Texts that come as values, where these are nothing else either."""

FILE_NAMES = tuple(text for text in PAYLOADS if "/" not in text and "\x00" not in text and len(text) < 200)
"""Those that are names of files."""
