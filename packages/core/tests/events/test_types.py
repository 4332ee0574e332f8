"""What an event tells when it is printed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from andamios_orm.core.events.types import AfterExecute, BeforeExecute


def test_the_values_of_a_statement_are_not_printed() -> None:
    event = BeforeExecute("SELECT $1", ["hunter2"])
    assert repr(event) == "BeforeExecute(statement='SELECT $1', parameters=***)"


def test_credentials_in_the_text_of_a_statement_are_not_printed() -> None:
    assert "hunter2" not in repr(BeforeExecute("CREATE SECRET s (TYPE s3, SECRET 'hunter2')", []))


def test_an_error_is_printed_without_its_message() -> None:
    event = AfterExecute("SELECT $1", [], 0.5, None, ValueError("hunter2"))
    assert (
        repr(event)
        == "AfterExecute(statement='SELECT $1', parameters=***, seconds=0.5, rows=None, error=ValueError)"
    )


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        BeforeExecute("SELECT 1", []).statement = "SELECT 2"  # type: ignore[misc]
