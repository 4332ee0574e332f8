"""`run` uses uvloop and leaves the rest of the program alone."""

from __future__ import annotations

import asyncio
import sys

import pytest

from andamios_orm.core import run

from .services import python


async def answer() -> int:
    return 42


async def loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_returns_what_the_coroutine_returns() -> None:
    assert run(answer()) == 42


def test_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        run(fail())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_runs_on_uvloop() -> None:
    assert run(loop_module()).startswith("uvloop")


def test_runs_on_the_loop_of_asyncio_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert run(loop_module()).startswith("asyncio")


def test_sets_the_debug_mode() -> None:
    async def debug() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert run(debug(), debug=True) is True
    assert run(debug(), debug=False) is False


async def test_refuses_to_run_inside_of_a_running_loop() -> None:
    main = answer()
    with pytest.raises(RuntimeError, match="await the coroutine"):
        run(main)
    assert await main == 42


def test_neither_the_import_nor_a_run_installs_a_policy() -> None:
    program = """
        import asyncio
        from andamios_orm import core
        async def main(): pass
        core.run(main())
        policy = asyncio.get_event_loop_policy()
        print(type(policy).__module__, type(asyncio.new_event_loop()).__module__.split(".")[0])
    """
    assert python(program) == "asyncio.unix_events asyncio"
