"""The errors of models, hung on core's tree.

::

    AndamiosError
    ├ LazyLoadError
    ├ IntegrityError
    │ └ StaleVersionError
    │   └ StaleConflictError
    └ DatabaseError
      └ OperationalError
        └ TransactionConflictError
          └ StaleConflictError

`LazyLoadError` is SQLAlchemy's ``MissingGreenlet`` as well. Where models raise another error of core's, it is
core's own class.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import exc

from andamios_orm.core.errors import AndamiosError, StaleVersionError, TransactionConflictError

__all__ = ["LazyLoadError", "StaleConflictError"]


class LazyLoadError(AndamiosError, exc.MissingGreenlet):
    """Report that an attribute is not loaded, and that this is no place to load it.

    Attributes:
        model: Name of the model.
        attribute: Name of the relationship or the column; of several, the first by name.
    """

    code = ""
    """Empty, because SQLAlchemy's page for this error gives advice that does not fit here."""

    def __init__(self, model: str, attribute: str, option: str) -> None:
        super().__init__(
            f"{model}.{attribute} is not loaded, and async code cannot load it by reading it. Load it with "
            f"its object: select({model}).options({option}({model}.{attribute})); or when it is needed: "
            f'await obj.awaitable_attrs.{attribute}; or: await session.refresh(obj, ["{attribute}"])'
        )
        self.model = model
        self.attribute = attribute
        self._option = option

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.attribute, self._option)


class StaleConflictError(StaleVersionError, TransactionConflictError):
    """Report a row that another transaction changed or removed while this one went on.

    It has the attributes of `StaleVersionError`, and is ``retryable``: a new transaction sees what the other
    one has written.
    """
