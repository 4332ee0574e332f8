"""Durations are gathered in buckets, which tell how many there were and how long they took."""

from __future__ import annotations

import pytest

from andamios_orm.core.observability.distributions import BOUNDS, Distribution, Gathering


def gathered(*seconds: float) -> Distribution:
    gathering = Gathering()
    for value in seconds:
        gathering.add(value)
    return gathering.distribution()


def test_counts_and_sums() -> None:
    durations = gathered(0.5, 1.5, 100.0)
    assert (durations.count, durations.total, durations.mean) == (3, 102.0, 34.0)


def test_a_duration_on_a_bound_belongs_below_it() -> None:
    durations = gathered(BOUNDS[0])
    assert durations.counts[0] == 1


def test_what_is_longer_than_all_bounds_has_a_bucket() -> None:
    assert gathered(1_000.0).counts == (*(0 for _ in BOUNDS), 1)


@pytest.mark.parametrize(
    ("seconds", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([0.7], 0.5, 0.75),
        ([0.7] * 4, 0.25, 0.625),
        ([0.7] * 9 + [3.0], 0.99, 4.6),
        ([0.7] * 9 + [3.0], 0.9, 1.0),
        ([60.0], 0.5, 10.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(seconds: list[float], share: float, expected: float) -> None:
    assert gathered(*seconds).quantile(share) == pytest.approx(expected)


def test_of_none_the_mean_is_none() -> None:
    assert gathered().mean == 0.0
