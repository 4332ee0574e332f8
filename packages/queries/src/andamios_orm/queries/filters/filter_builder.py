"""The builder of filters: conditions about one model, of which each is checked when it is added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from sqlalchemy import ColumnElement, inspect

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.queries.expressions import Q
from andamios_orm.queries.filters.allow_list import Allow, allow_list
from andamios_orm.queries.filters.field_types import RefusedValueError, converted, is_list
from andamios_orm.queries.filters.model_check import check_model
from andamios_orm.queries.filters.outside import AnyOf, Limits, OutsideFilter
from andamios_orm.queries.scope import Scope

__all__ = ["FilterBuilder"]

_MOST_WORDS = 20


class FilterBuilder(Q):
    """Collect conditions about a model, all of which hold: ``FilterBuilder(Flight).gt("dep_delay", 60)``.

    A builder is never changed: each call returns another one. It is a condition, so queries take it as they
    take `Q`, and ``&``, ``|`` and ``~`` work. Fields are named as in lookups, also over relationships:
    ``airline__name``. Each call about a relationship to many is about any of its objects; for several
    conditions about the same one, give `all_of` a `Q` that names them together.

    Args:
        model: The mapped class.

    Raises:
        ConfigurationError: ``model`` is no mapped class.
    """

    def __init__(self, model: type[Any]) -> None:
        super().__init__()
        inspected: Any = inspect(model, raiseerr=False)
        if inspected is None or not hasattr(inspected, "mapper"):
            raise ConfigurationError(f"a filter is about a mapped class, not {model!r}")
        self._model: type[Any] = inspected.mapper.class_

    def resolve(self, scope: Scope) -> ColumnElement[bool]:
        """Return the condition as SQLAlchemy's, the names being those of ``scope``.

        Raises:
            ConfigurationError: The query is about another model.
        """
        check_model(scope, self._model)
        return super().resolve(scope)

    def eq(self, field: str, value: Any) -> Self:
        """Keep the rows whose field equals a value; for None, those without a value.

        Raises:
            UnknownNameError: The model has no such field; so for all that name one.
        """
        return self._lookup(field, "eq", value)

    def ne(self, field: str, value: Any) -> Self:
        """Keep the rows whose field has a value, and another one than this."""
        return self._lookup(field, "ne", value)

    def gt(self, field: str, value: Any) -> Self:
        """Keep the rows whose field is greater than a value."""
        return self._lookup(field, "gt", value)

    def ge(self, field: str, value: Any) -> Self:
        """Keep the rows whose field is greater than a value or equal to it."""
        return self._lookup(field, "gte", value)

    def lt(self, field: str, value: Any) -> Self:
        """Keep the rows whose field is less than a value."""
        return self._lookup(field, "lt", value)

    def le(self, field: str, value: Any) -> Self:
        """Keep the rows whose field is less than a value or equal to it."""
        return self._lookup(field, "lte", value)

    def in_(self, field: str, values: Any) -> Self:
        """Keep the rows whose field has one of some values, which may be a query of them."""
        return self._lookup(field, "in", values)

    def not_in(self, field: str, values: Any) -> Self:
        """Keep the rows whose field has a value, and none of these."""
        return self._lookup(field, "notin", values)

    def between(self, field: str, low: Any, high: Any) -> Self:
        """Keep the rows whose field is between two values or equal to one of them."""
        return self._lookup(field, "between", (low, high))

    def is_null(self, field: str, null: bool = True) -> Self:
        """Keep the rows whose field has no value; with ``null=False``, those with one."""
        return self._lookup(field, "isnull", null)

    def like(self, field: str, pattern: str) -> Self:
        """Keep the rows whose field fits SQL's pattern, where ``%`` is any text and ``_`` any character."""
        return self._lookup(field, "like", pattern)

    def ilike(self, field: str, pattern: str) -> Self:
        """Do what `like` does, upper and lower case being the same."""
        return self._lookup(field, "ilike", pattern)

    def contains(self, field: str, value: Any) -> Self:
        """Keep the rows whose field contains a text, as it is written; of a list, a value."""
        return self._lookup(field, "has" if is_list(self._model, field) else "contains", value)

    def search(self, text: str, fields: Sequence[str] | str) -> Self:
        """Keep the rows of which each word of a text occurs in one of some fields; case is the same.

        Percent signs and underscores are characters like others. A text without words leaves nothing out.

        Args:
            text: The words, with space between; it may come from outside.
            fields: The fields.

        Raises:
            ConfigurationError: There are no fields.
            ValidationError: There are more than 20 words, or it is no text.
        """
        names = [fields] if isinstance(fields, str) else list(fields)
        if not names:
            raise ConfigurationError("search() takes the fields to search in: search('air', ['name'])")
        found = self
        for word in self._words(text):
            found = found._with(AnyOf(*(Q(**{f"{name}__icontains": word}) for name in names)))
        return found

    def any_of(self, *conditions: Any) -> Self:
        """Keep the rows for which one of the conditions holds.

        Args:
            conditions: Other builders, `Q`, or expressions.
        """
        return self._with(AnyOf(*_some("any_of", conditions)))

    def all_of(self, *conditions: Any) -> Self:
        """Keep the rows for which all conditions hold."""
        return self._with(Q(*_some("all_of", conditions)))

    def not_(self, *conditions: Any) -> Self:
        """Leave out the rows for which all conditions hold."""
        return self._with(~Q(*_some("not_", conditions)))

    def from_dict(
        self,
        data: Mapping[str, Any],
        *,
        allow: Allow,
        types: Mapping[str, Any] | None = None,
        max_depth: int = 5,
        max_conditions: int = 50,
        max_values: int = 100,
        max_length: int = 1_000,
    ) -> Self:
        """Add what an object of JSON says that comes from outside, such as the body of a request.

        All that stands in an object holds: ``{"carrier": "UA", "dep_delay": {"gte": 60}}``. The keys are
        fields, with their lookups behind two underscores or as the keys of an object, and ``and`` and ``or``
        with lists of objects, ``not`` with an object. A list without a lookup is one for ``in``.

        Args:
            data: The object.
            allow: The fields that it may name: a list, or a dict with the lookups of each. Without lookups, a
                field gets those that suit its type; patterns and regular expressions are never among them.
            types: Python types of fields, in place of those of their columns; for keys of JSON documents,
                which are texts otherwise.
            max_depth: How many objects deep it may be.
            max_conditions: How many lookups it may have.
            max_values: How many values each list in it may have.
            max_length: How many characters each text in it may have.

        Raises:
            ConfigurationError: ``allow`` names what cannot be allowed.
            UnknownNameError: ``allow`` names what is not there.
            ValidationError: Something in ``data`` is refused; the error names each place.
        """
        limits = Limits(max_depth, max_conditions, max_values, max_length)
        return self._with(self._outside(allow, types, limits).of_json(data))

    def from_query_params(
        self,
        params: Any,
        *,
        allow: Allow,
        ignore: Iterable[str] = (),
        types: Mapping[str, Any] | None = None,
        max_conditions: int = 50,
        max_values: int = 100,
        max_length: int = 1_000,
    ) -> Self:
        """Add what the parameters of a query string say: ``carrier__in=UA,AA&dep_delay__gte=60``.

        Lists are separated by commas. A field without a lookup that is given several times has one of these
        values, and commas in them stay.

        Args:
            params: A mapping, pairs of names and texts, or what has ``multi_items()``, as Starlette's
                parameters have.
            allow: As for `from_dict`.
            ignore: The parameters that are no filters.
            types: As for `from_dict`.
            max_conditions: How many lookups there may be.
            max_values: How many values each list may have.
            max_length: How many characters each text may have.

        Raises:
            ConfigurationError: ``allow`` names what cannot be allowed, or these are no parameters.
            UnknownNameError: ``allow`` names what is not there.
            ValidationError: A parameter is refused; the error names each of them.
        """
        limits = Limits(1, max_conditions, max_values, max_length)
        return self._with(self._outside(allow, types, limits).of_params(params, ignore))

    def _words(self, text: str) -> Iterable[str]:
        try:
            words = dict.fromkeys(converted(str, text).split())
        except RefusedValueError as error:
            raise ValidationError(self._model.__name__, {"search": str(error)}) from None
        if len(words) > _MOST_WORDS:
            raise ValidationError(self._model.__name__, {"search": f"has more than {_MOST_WORDS} words"})
        return words

    def _outside(self, allow: Allow, types: Mapping[str, Any] | None, limits: Limits) -> OutsideFilter:
        return OutsideFilter(self._model.__name__, allow_list(self._model, allow, types), limits)

    def _lookup(self, field: str, lookup: str, value: Any) -> Self:
        return self._with(Q(**{f"{field}__{lookup}": value}))

    def _with(self, condition: Q) -> Self:
        condition.resolve(Scope(self._model))  # to tell now of what a query would refuse
        changed = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, _conditions=(*self._conditions, condition))
        return changed


def _some(method: str, conditions: Sequence[Any]) -> Sequence[Any]:
    if not conditions:
        raise ConfigurationError(f"{method}() takes at least one condition, as in {method}(Q(carrier='UA'))")
    return conditions
