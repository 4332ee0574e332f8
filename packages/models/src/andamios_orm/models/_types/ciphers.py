"""The keys of encrypted columns, and what encrypts with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ["HIDDEN", "Ciphers", "EncryptionKey", "EncryptionKeys"]

HIDDEN = "***"
"""What stands in place of what is not to be seen."""


class _Secret(Protocol):
    """A pydantic ``SecretStr`` or ``SecretBytes``."""

    def get_secret_value(self) -> str | bytes:
        """Return the secret."""
        ...


EncryptionKey = str | bytes | _Secret
"""One key of Fernet: 32 bytes in URL-safe base64."""

EncryptionKeys = EncryptionKey | Sequence[EncryptionKey]
"""One key, or several: the first one encrypts, all of them decrypt."""


class Ciphers:
    """The keys of one type, and what encrypts with them; it shows none of them."""

    def __init__(self, keys: EncryptionKeys | Callable[[], EncryptionKeys]) -> None:
        self._keys = keys
        self._known: tuple[tuple[bytes, ...], MultiFernet] | None = None
        _require_cryptography()
        if not callable(keys):
            self.cipher()

    def __repr__(self) -> str:
        return HIDDEN

    def cipher(self) -> MultiFernet:
        """Return the cipher of the present keys."""
        keys = _listed(self._keys() if callable(self._keys) else self._keys)
        if self._known is None or self._known[0] != keys:
            self._known = (keys, _cipher(keys))
        return self._known[1]


def _require_cryptography() -> None:
    try:
        import cryptography.fernet  # noqa: F401 # whether it is there is the question
    except ImportError:
        raise ConfigurationError(
            'Encrypted needs cryptography: pip install "andamios-orm-models[encryption]"'
        ) from None


def _listed(keys: EncryptionKeys) -> tuple[bytes, ...]:
    several = keys if isinstance(keys, Sequence) and not isinstance(keys, str | bytes) else [keys]
    return tuple(map(_key_bytes, several))


def _key_bytes(key: Any) -> bytes:
    value = key.get_secret_value() if hasattr(key, "get_secret_value") else key
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise ConfigurationError(f"the key of an Encrypted column is text or bytes, not a {type(value).__name__}")


def _cipher(keys: tuple[bytes, ...]) -> MultiFernet:
    from cryptography.fernet import Fernet, MultiFernet

    if not keys:
        raise ConfigurationError("an Encrypted column needs at least one key")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        # Not chained, and the key not told.
        raise ConfigurationError(
            "this is no key of an Encrypted column: make one with "
            "cryptography.fernet.Fernet.generate_key(), which returns 32 bytes in URL-safe base64"
        ) from None
