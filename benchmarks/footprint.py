"""Look at fresh interpreters from outside: what an import takes, what a process holds."""

from __future__ import annotations

import asyncio
import os
import sys

import psutil

__all__ = ["import_time", "resident_memory"]

_IMPORT = """
from time import perf_counter
start = perf_counter()
{program}
print((perf_counter() - start) * 1000)
"""

_HOLD = """
{program}
print("ready", flush=True)
input()
"""


async def import_time(program: str) -> float:
    """Return how many milliseconds the imports of ``program`` take in a fresh interpreter.

    As in an installation that was used before: the modules are compiled, which a first run sees to.
    """
    answer = b""
    for _ in range(2):
        process = await _started(_IMPORT.format(program=program))
        answer, _errors = await process.communicate()
    return float(answer)


async def resident_memory(program: str) -> float:
    """Return how many megabytes a fresh interpreter holds at the end of ``program``."""
    process = await _started(_HOLD.format(program=program))
    if process.stdout is None or await process.stdout.readline() != b"ready\n":
        raise RuntimeError(f"this program failed:\n{program}")
    memory = psutil.Process(process.pid).memory_info().rss
    await process.communicate(b"\n")
    return float(memory) / 1_000_000


async def _started(program: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=pipe, stdout=pipe, env=environment
    )
