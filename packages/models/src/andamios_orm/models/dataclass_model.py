"""The base of models that are dataclasses: their columns are the arguments of the constructor."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import MappedAsDataclass

from andamios_orm.models.declarative import BaseModel

__all__ = ["DataclassModel"]

_KEPT = ("__init__", "__eq__", "__hash__")
"""Methods that a base without a table keeps as they are, although it is a dataclass."""


class DataclassModel(MappedAsDataclass, BaseModel, repr=False):
    """Base of models that are dataclasses.

    ::

        class Point(DataclassModel):
            x: Mapped[int]
            y: Mapped[int] = mapped_column(default=0)


        Point(1, y=2)

    It is `BaseModel` in everything else: tables, validation, hooks, mixins. Type checkers know the arguments
    of the constructor. The options of a dataclass follow the base, as in
    ``class Point(DataclassModel, kw_only=True, eq=False)``; those of a field are arguments of
    ``mapped_column`` and ``relationship``: ``init``, ``default``, ``default_factory``, ``kw_only``, ``repr``,
    ``compare``.

    * Columns of mixins, and an ``id`` that is not declared, are no arguments. They are attributes all the
      same, so ``created_at`` can be assigned.
    * The text of an object is that of `BaseModel`: columns that are loaded, without encrypted values. With
      ``repr=False`` it shows no values at all.
    * Objects with equal fields are equal, and cannot be members of a set. With ``eq=False`` each object
      equals itself alone and can be.
    """

    __abstract__ = True

    __init__ = BaseModel.__init__
    __eq__ = BaseModel.__eq__
    __hash__ = BaseModel.__hash__

    def __init_subclass__(cls, *, repr: bool | None = None, **options: Any) -> None:  # noqa: A002 # as dataclasses call it
        """Make a dataclass of the class.

        Args:
            repr: Whether the text of an object shows values; None to do as the base class does.
            options: Other options of a dataclass, and what base classes take.
        """
        if vars(cls).get("__abstract__"):
            # Otherwise a subclass with `init=False` or `eq=False` would inherit methods that were made for
            # the fields of this class alone. All objects without fields are equal, for example.
            for name in _KEPT:
                if name not in vars(cls):
                    setattr(cls, name, getattr(cls, name))
        described = cls.__doc__
        super().__init_subclass__(**options)
        # A dataclass gets a text about the types of its columns, which is not meant for an API.
        cls.__doc__ = described
        if repr is not None and "__repr__" not in vars(cls):
            cls.__repr__ = BaseModel.__repr__ if repr else object.__repr__  # type: ignore[method-assign] # its choice
