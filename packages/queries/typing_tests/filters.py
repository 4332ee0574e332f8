"""What type checkers know of filters."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy.orm import Mapped

from andamios_orm.models import BaseModel
from andamios_orm.queries import FilterBuilder, NamedFilter, Q, QueryBuilder, named_filter


def _delayed(minutes: int, *, carrier: str | None = None) -> Q:
    return Q(delay__gt=minutes) if carrier is None else Q(delay__gt=minutes, carrier=carrier)


class Flight(BaseModel):
    carrier: Mapped[str]
    delay: Mapped[int]

    late = named_filter(lambda: Q(delay__gt=60))
    early = named_filter(lambda: Flight.delay < 0)
    delayed = named_filter(_delayed)

    @named_filter
    @staticmethod
    def later_than(minutes: int) -> Q:
        return Q(delay__gt=minutes)


def builders() -> None:
    late = FilterBuilder(Flight).eq("carrier", "UA").any_of(Q(delay__gt=60), Flight.delay.is_(None))
    assert_type(late, FilterBuilder)
    assert_type(late.from_dict({}, allow=["carrier"]).from_query_params([], allow=["delay"]), FilterBuilder)
    assert_type(late | Q(delay=0), Q)
    assert_type(QueryBuilder(Flight).filter(late, ~late), QueryBuilder[Flight])
    late.like("carrier", 5)  # type: ignore[arg-type] # a pattern is a text
    late.from_dict({})  # type: ignore[call-arg] # nothing is allowed without being named
    late.from_dict({}, allow={"carrier": 5})  # type: ignore[dict-item] # lookups are a list


def named_filters(flight: Flight) -> None:
    assert_type(Flight.late, NamedFilter[[]])
    assert_type(Flight.late & ~Flight.early, Q)
    assert_type(Flight.delayed(30, carrier="UA"), Q)
    assert_type(Flight.later_than(30), Q)
    Flight.delayed("30")  # type: ignore[arg-type] # the parameter is a number
    Flight.later_than()  # type: ignore[call-arg] # it takes an argument
    flight.late = Q()  # type: ignore[assignment] # objects have no filters
    named_filter(lambda: 5)  # type: ignore[arg-type,return-value] # this is no condition
