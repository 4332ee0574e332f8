"""Servers that some tests need, and Python processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from textwrap import dedent

import pytest

__all__ = ["MARIADB", "POSTGRESQL", "python", "require"]

POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/postgres"
MARIADB = "mariadb://root@127.0.0.1:3306/test"


def require(url: str) -> str:
    """Return ``url``; skip the test when nobody listens there, fail it when ANDAMIOS_REQUIRE_SERVICES=1."""
    port = 5432 if url == POSTGRESQL else 3306
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        if os.environ.get("ANDAMIOS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no server at {url}")
    return url


def python(program: str, *arguments: object) -> str:
    """Run a program in an interpreter of its own and return what it printed."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        dedent(program),
        *(str(argument) for argument in arguments),
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()
