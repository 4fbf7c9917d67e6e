"""Ed25519 keys: made, kept in PEM files, used to sign and to verify.

Nothing here prints or logs: a private key leaves the process in one way only, as the file that :func:`write_key_pair`
makes for its owner alone. The library ``cryptography`` (extra ``signatures``) is imported when a key is used.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from falsifiable.evidence.atomic import write_new

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_SUFFIX = ".pub"
LARGEST_KEY_FILE_BYTES = 64 * 1024
ONLY_THE_OWNER = 0o600
EVERYBODY_READS = 0o644

_PUBLIC_KEY_INFO = bytes.fromhex("302a300506032b6570032100")
"""DER SubjectPublicKeyInfo of Ed25519 (RFC 8410) up to the 32 bytes of the key, which end it."""

_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


class SigningError(Exception):
    """Something about keys that keeps a signature from being made or verified; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key in memory. Its representation shows the public half alone."""

    public: bytes
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def keyid(self) -> str:
        """What signatures name the key by."""
        return keyid_of(self.public)

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature of ``data``; the same each time."""
        return self._private.sign(data)


def keyid_of(public_key: bytes) -> str:
    """The sha256 (hex) of the key's DER SubjectPublicKeyInfo. It helps to find a key, and proves nothing."""
    return hashlib.sha256(_PUBLIC_KEY_INFO + public_key).hexdigest()


def public_text(public_key: bytes) -> str:
    """The key as ``trust.yaml`` has it: the base64 of its 32 bytes."""
    return base64.b64encode(public_key).decode()


def verifies(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` of ``data`` was made with the private half of ``public_key``. Raises SigningError."""
    _demand_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def generate_key() -> SigningKey:
    """A new key, from the operating system's random numbers."""
    _demand_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _held(Ed25519PrivateKey.generate())


def write_key_pair(path: Path, key: SigningKey, passphrase: str = "") -> Path:
    """Write ``key`` to ``path`` (PEM, PKCS 8, for its owner alone) and its public half beside it; the latter's path.

    With a ``passphrase`` the file is encrypted. No file is ever replaced. Raises SigningError and OSError.
    """
    public = path.with_name(path.name + PUBLIC_SUFFIX)
    for one in (path, public):
        if one.exists() or one.is_symlink():
            raise SigningError(f"{one} is there already, and a key that is overwritten is lost; name another file")
    write_new(path, _private_pem(key, passphrase), mode=ONLY_THE_OWNER)
    write_new(public, _public_pem(key.public), mode=EVERYBODY_READS)
    return public


def read_private_key(path: Path, ask_passphrase: Callable[[], str]) -> SigningKey:
    """The key in a PEM file; ``ask_passphrase`` is called where the file is encrypted. Raises SigningError.

    A file that others than its owner can read is refused: its key is no longer the owner's alone.
    """
    _demand_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = _read_own_file(path)
    passphrase = ask_passphrase().encode() if _ENCRYPTED in pem else None
    try:
        private = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # what it says can quote the file; TypeError: no passphrase
        wrong = "the passphrase does not open it" if passphrase is not None else "it is cut, or something else"
        raise SigningError(f"{path} holds no private key in PEM that can be read: {wrong}") from None
    if not isinstance(private, Ed25519PrivateKey):
        kind = type(private).__name__.removesuffix("PrivateKey").lstrip("_")
        raise SigningError(f"{path} holds a key of another kind ({kind}); make one with: contract evidence keygen OUT")
    return _held(private)


def _held(private: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(private.public_key().public_bytes_raw(), private)


def _read_own_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name != "nt" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                shown = f"{stat.S_IMODE(status.st_mode):04o}"
                raise SigningError(
                    f"{path} can be read or changed by others (mode {shown}); a private key is its owner's alone: "
                    f"chmod 600 {path}"
                )
            content = file.read(LARGEST_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise SigningError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_KEY_FILE_BYTES:
        raise SigningError(f"{path} has more than {LARGEST_KEY_FILE_BYTES} bytes, which no key has")
    return content


def _private_pem(key: SigningKey, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _public_pem(public_key: bytes) -> bytes:
    """The key as PEM SubjectPublicKeyInfo, which other tools read."""
    body = base64.b64encode(_PUBLIC_KEY_INFO + public_key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()


def _demand_cryptography() -> None:
    """Raise SigningError where the library is absent."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        message = "signatures need the library cryptography: pip install 'falsifiable[signatures]'"
        raise SigningError(message) from None
