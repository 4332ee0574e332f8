"""Columns whose values the database sees encrypted only.

The key is kept out of ``repr``, of SQLAlchemy's statement cache and of messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, Null
from sqlalchemy.sql.type_api import to_instance
from sqlalchemy.types import TypeEngine

from andamios_orm.core.errors import ConfigurationError, DataError
from andamios_orm.models._types.ciphers import Ciphers, EncryptionKeys
from andamios_orm.models._types.codecs import codec
from andamios_orm.models._types.hiding import hide_values

__all__ = ["Encrypted"]


class Encrypted(TypeDecorator[Any]):
    """Value that is encrypted before it is sent and decrypted when it is read, by `cryptography`'s Fernet.

    The column is text: the token, which is different each time. So SQL can tell whether there is a value and
    nothing else about it. A comparison is refused, and so is an ``Encrypted`` column that is a key or unique;
    to find a row by such a value, keep a keyed hash of it in another column.

    To change the key, put the new one in front of the old ones, write each row anew
    (``flag_modified(patient, "number")``), and drop the old ones.

    Args:
        plain: The type of the value: `Text`, or any whose Python value pydantic knows, such as `Integer`,
            `Date`, `LargeBinary`, `JSON`.
        key: What ``Fernet.generate_key()`` makes, as ``str``, ``bytes`` or ``SecretStr``; several, of which
            the first encrypts and all decrypt; or a function that returns such. The function is called for
            each value, so that keys may change while the program runs.

    Raises:
        ConfigurationError: `cryptography` is not installed, or the key is none.
        DataError: When rows are read, a value that no key decrypts.
    """

    impl = Text
    cache_ok = True

    # Both may be given by position, because SQLAlchemy finds only such in a type to tell it from others.
    def __init__(
        self,
        plain: TypeEngine[Any] | type[TypeEngine[Any]] = Text,
        key: EncryptionKeys | Callable[[], EncryptionKeys] = (),
    ) -> None:
        super().__init__()
        self.plain = to_instance(plain)
        # A part of the cache key by its identity, so that no statement is executed with another's key.
        self.key = Ciphers(key)
        self._write, self._read = codec(self.plain)

    @property
    def python_type(self) -> type[Any]:
        """Return that of the plain value."""
        return self.plain.python_type

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Encrypt.

        Raises:
            ValueError: The value does not fit the plain type.
        """
        return None if value is None else self.key.cipher().encrypt(self._write(value)).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decrypt.

        Raises:
            DataError: None of the keys fits.
        """
        from cryptography.fernet import InvalidToken

        if value is None:
            return None
        try:
            return self._read(self.key.cipher().decrypt(value.encode()))
        except InvalidToken:
            raise DataError(
                "a value of an Encrypted column cannot be decrypted: it was encrypted with a key that is not "
                "among those of the column, or it was changed"
            ) from None
        except ValueError:
            # Not chained, because it tells the value.
            raise DataError(
                f"a value of an Encrypted column is decrypted, and is no {self.plain!r}"
            ) from None

    def _set_parent(self, parent: Any, outer: bool = False, **kw: Any) -> None:
        if parent.primary_key or parent.unique:
            raise ConfigurationError(
                "an Encrypted column is no key and not unique: equal values are different in the database"
            )
        hide_values(parent)
        super()._set_parent(parent, outer, **kw)

    class Comparator(TypeDecorator.Comparator[Any]):
        """The one operator that ciphertext has: whether there is any."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            """Compare with NULL.

            Raises:
                ConfigurationError: Anything else is asked for.
            """
            if op in _IDENTITY and all(value is None or isinstance(value, Null) for value in other):
                return super().operate(op, *other, **kwargs)
            if op in _IDENTITY and all(isinstance(value, Column) for value in other):
                # Python compares columns like this when it looks for one in a list.
                compared = super().operate(op, *other, **kwargs)
                compared.__class__ = _Compared
                return compared
            raise _refusal(op)

        def reverse_operate(self, op: Any, other: Any, **kwargs: Any) -> Any:
            """Refuse, as `operate` does."""
            return self.operate(op, other, **kwargs)

    comparator_factory = Comparator


class _Compared(BinaryExpression[Any]):
    """The comparison of two columns, which can be made and not be sent."""

    inherit_cache = True


@compiles(_Compared)
def _refuse_comparison(compared: _Compared, compiler: Any, **options: Any) -> str:
    """Refuse the comparison."""
    raise _refusal(compared.operator)


def _refusal(op: Any) -> ConfigurationError:
    return ConfigurationError(
        f"SQL cannot do this ({op.__name__}) with an Encrypted column, of which it sees tokens that differ "
        "each time: read the rows, or keep a keyed hash in another column"
    )


_IDENTITY = (operators.eq, operators.ne, operators.is_, operators.is_not)
