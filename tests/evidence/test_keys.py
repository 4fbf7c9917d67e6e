"""Keys: made for their owner alone, never replaced, never shown, and Ed25519 or refused."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from falsifiable.evidence import SigningError, SigningKey, generate_key, keyid_of, read_private_key, write_key_pair
from falsifiable.evidence import keys as keys_room
from falsifiable.evidence.keys import LARGEST_KEY_FILE_BYTES, public_text, verifies
from tests.evidence.builders import a_key

# RFC 8032, section 7.1, test 1: the signature of no bytes at all
SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
SIGNED = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655"
    "141438e7a100b"
)


def nobody_asks() -> str:
    raise AssertionError("a passphrase was asked for")


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def pem_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_it_signs_and_verifies_as_the_standard_says() -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))
    key = SigningKey(private.public_key().public_bytes_raw(), private)
    assert key.public.hex() == PUBLIC
    assert key.sign(b"").hex() == SIGNED
    assert verifies(key.public, bytes.fromhex(SIGNED), b"")
    assert not verifies(key.public, bytes.fromhex(SIGNED), b"another")


def test_the_key_id_is_the_digest_of_the_public_key_as_other_tools_write_it() -> None:
    key = generate_key()
    der = ed25519.Ed25519PublicKey.from_public_bytes(key.public).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert key.keyid == keyid_of(key.public) == hashlib.sha256(der).hexdigest()


def test_a_pair_is_written_for_its_owner_alone_and_read_back(tmp_path: Path) -> None:
    key = generate_key()
    public = write_key_pair(tmp_path / "new" / "ci.pem", key)
    assert stat.S_IMODE((tmp_path / "new" / "ci.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert read_private_key(tmp_path / "new" / "ci.pem", nobody_asks) == key
    loaded = serialization.load_pem_public_key(public.read_bytes())
    assert isinstance(loaded, ed25519.Ed25519PublicKey)
    assert loaded.public_bytes_raw() == key.public
    assert sorted(one.name for one in public.parent.iterdir()) == ["ci.pem", "ci.pem.pub"]


def test_no_moment_shows_the_private_key_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has its permissions before it has its bytes, whatever the umask."""
    seen: list[int] = []
    real = os.fsync

    def looking(handle: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode) if stat.S_ISREG(os.fstat(handle).st_mode) else -1)
        real(handle)

    before = os.umask(0)
    try:
        monkeypatch.setattr(os, "fsync", looking)
        write_key_pair(tmp_path / "ci.pem", generate_key())
    finally:
        os.umask(before)
    assert [one for one in seen if one >= 0] == [0o600, 0o644]


@pytest.mark.parametrize("name", ["ci.pem", "ci.pem.pub"])
def test_no_key_is_ever_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(SigningError, match=f"{name} is there already"):
        write_key_pair(tmp_path / "ci.pem", generate_key())
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(name, b"precious")]


def test_nor_one_that_appears_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    (tmp_path / "ci.pem").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        write_key_pair(tmp_path / "ci.pem", generate_key())
    assert [one.name for one in tmp_path.iterdir()] == ["ci.pem"]
    assert (tmp_path / "ci.pem").read_bytes() == b"precious"


def test_a_passphrase_locks_it(tmp_path: Path) -> None:
    key = generate_key()
    write_key_pair(tmp_path / "ci.pem", key, "open sesame")
    assert b"ENCRYPTED" in (tmp_path / "ci.pem").read_bytes()
    assert read_private_key(tmp_path / "ci.pem", lambda: "open sesame") == key
    for wrong in ("open barley", ""):
        with pytest.raises(SigningError, match="the passphrase does not open it"):
            read_private_key(tmp_path / "ci.pem", lambda said=wrong: said)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    write_key_pair(tmp_path / "ci.pem", generate_key())
    (tmp_path / "ci.pem").chmod(mode)
    with pytest.raises(SigningError, match=rf"\(mode {mode:04o}\).*chmod 600"):
        read_private_key(tmp_path / "ci.pem", nobody_asks)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    curve = write(tmp_path / "ec.pem", pem_of(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SigningError, match="a key of another kind"):
        read_private_key(curve, nobody_asks)
    old = write(tmp_path / "rsa.pem", pem_of(rsa.generate_private_key(65537, 1024)))
    with pytest.raises(SigningError, match="a key of another kind"):
        read_private_key(old, nobody_asks)


UNKNOWN_ALGORITHM = base64.b64encode(bytes.fromhex("302e020100300506032b656304220420") + bytes(32)).decode()
NO_KEYS = [
    b"",
    b"\0" * 100,
    b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    f"-----BEGIN PRIVATE KEY-----\n{UNKNOWN_ALGORITHM}\n-----END PRIVATE KEY-----\n".encode(),
]


@pytest.mark.parametrize("content", NO_KEYS)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SigningError, match="no private key in PEM"):
        read_private_key(write(tmp_path / "ci.pem", content), nobody_asks)


def test_a_cut_or_oversized_or_absent_file_is_refused(tmp_path: Path) -> None:
    write_key_pair(tmp_path / "ci.pem", generate_key())
    whole = (tmp_path / "ci.pem").read_bytes()
    for length in (40, len(whole) - 30):
        with pytest.raises(SigningError):
            read_private_key(write(tmp_path / "cut.pem", whole[:length]), nobody_asks)
    with pytest.raises(SigningError, match="which no key has"):
        read_private_key(write(tmp_path / "big.pem", b"x" * (LARGEST_KEY_FILE_BYTES + 1)), nobody_asks)
    with pytest.raises(SigningError, match="No such file"):
        read_private_key(tmp_path / "none.pem", nobody_asks)


def test_neither_a_key_nor_an_error_about_it_shows_key_material(tmp_path: Path) -> None:
    key = generate_key()
    write_key_pair(tmp_path / "ci.pem", key)
    secret = (tmp_path / "ci.pem").read_bytes()
    body = secret.split(b"\n")[1]
    private_bytes = key._private.private_bytes_raw()
    broken = write(tmp_path / "broken.pem", secret.replace(body, body[:20] + b"!" + body[21:]))
    with pytest.raises(SigningError) as raised:
        read_private_key(broken, nobody_asks)
    said = f"{key!r} {key} {raised.value} {raised.value.__cause__}"
    assert raised.value.__suppress_context__, "a traceback would show what the library quotes"
    assert not any(part in said for part in (body.decode()[:20], private_bytes.hex(), repr(private_bytes)))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for attempt in (
        generate_key,
        lambda: verifies(bytes(32), bytes(64), b""),
        lambda: read_private_key(tmp_path / "ci.pem", nobody_asks),
    ):
        with pytest.raises(SigningError, match=r"pip install 'falsifiable\[signatures\]'"):
            attempt()


def test_the_text_of_a_public_key_is_what_a_policy_takes() -> None:
    assert len(public_text(a_key().public)) == 44
    assert keys_room.keyid_of(a_key("ci").public) != keyid_of(a_key("alice").public)
