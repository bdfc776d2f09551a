"""Keys: a master key outside the database wraps a data key per patient and one for the system.

AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces; subkeys by HKDF-SHA-256 (RFC 5869). Every sealed value is
bound to its place, ``table/row/column``: moved elsewhere it does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tumorcast_core.errors import StoreUnavailable

log = logging.getLogger(__name__)

KEY_BYTES, NONCE_BYTES, KEY_ID_BYTES = 32, 12, 4
WORTH_COMPRESSING_BYTES = 512
_PLAIN, _DEFLATED = b"\x01", b"\x02"


class Box:
    """Seals and opens with one data key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, content: bytes, place: str) -> bytes:
        """Encrypt for a place; deflated before where that is smaller."""
        form = _PLAIN
        if len(content) >= WORTH_COMPRESSING_BYTES and len(deflated := zlib.compress(content, 1)) < len(content):
            form, content = _DEFLATED, deflated
        nonce = os.urandom(NONCE_BYTES)
        return form + nonce + self._cipher.encrypt(nonce, content, form + place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what was sealed for this place; raises ``StoreUnavailable`` for anything else."""
        form, nonce, content = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            content = self._cipher.decrypt(nonce, content, form + place.encode())
        except (InvalidTag, ValueError) as e:
            log.error("a sealed value of %s does not open: it, its place or its key was changed", place.split("/")[0])
            raise StoreUnavailable("A stored record does not open: it, its place or its key was changed.") from e
        return zlib.decompress(content) if form == _DEFLATED else content


class Secrets:
    """The master keys. The first wraps; every one unwraps, so that an old key stays good until all is rewrapped."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._boxes = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self._keys = tuple(keys)

    @classmethod
    def generate(cls) -> Secrets:
        """Make a master key."""
        return cls([os.urandom(KEY_BYTES)])

    @classmethod
    def parse(cls, text: str) -> Secrets:
        """Read master keys, each 32 bytes in base64, apart by commas or white space, the current one first.

        Raises ``ValueError``, without the text.
        """
        try:
            keys = [base64.b64decode(word, validate=True) for word in text.replace(",", " ").split()]
        except (binascii.Error, ValueError):
            raise ValueError("a master key is not base64") from None
        return cls(keys)

    @classmethod
    def of_file(cls, path: Path) -> Secrets:
        """Read a file of master keys, made with a new one where there is none (0600)."""
        if not path.exists():
            write_private(path, cls.generate().text(), new=True)
        if path.stat().st_mode & 0o077:
            log.warning("others than its owner can read the file of the master key")
        return cls.parse(path.read_text())

    def text(self) -> str:
        """What ``parse`` reads."""
        return "".join(base64.b64encode(key).decode() + "\n" for key in self._keys)

    def rotated(self) -> Secrets:
        """A new current key before these."""
        return Secrets([os.urandom(KEY_BYTES), *self._keys])

    def current(self) -> Secrets:
        """The current key alone."""
        return Secrets(self._keys[:1])

    def wrap(self, key: bytes, place: str) -> bytes:
        """Encrypt a data key under the current master key; its id stands before."""
        key_id, nonce = _key_id(self._keys[0]), os.urandom(NONCE_BYTES)
        return key_id + nonce + self._boxes[key_id].encrypt(nonce, key, key_id + place.encode())

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """Decrypt a data key; raises ``StoreUnavailable`` where none of the master keys did wrap it."""
        key_id, nonce = wrapped[:KEY_ID_BYTES], wrapped[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES]
        try:
            return self._boxes[key_id].decrypt(nonce, wrapped[KEY_ID_BYTES + NONCE_BYTES :], key_id + place.encode())
        except (KeyError, InvalidTag, ValueError):
            raise StoreUnavailable("The master key is not the one that this database was written with.") from None

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the current master key did wrap it."""
        return wrapped[:KEY_ID_BYTES] == _key_id(self._keys[0])

    def rewrap(self, wrapped: bytes, place: str) -> bytes:
        """The same data key under the current master key."""
        return self.wrap(self.unwrap(wrapped, place), place)


class Keyring:
    """The keys of one open database."""

    def __init__(self, secrets: Secrets, system_key: bytes) -> None:
        self.secrets = secrets
        self._system_key = system_key
        self._subkeys: dict[str, bytes] = {}
        self.box = Box(self._subkey("seal"))

    def digest(self, purpose: str, *parts: str) -> bytes:
        """A keyed digest (HMAC-SHA-256): equal for equal parts, and no way back without the key."""
        message = b"".join(len(data := part.encode()).to_bytes(8, "big") + data for part in parts)
        return hmac.digest(self._subkey(purpose), message, "sha256")

    def new_patient_key(self, patient: str) -> bytes:
        """A new data key, wrapped."""
        return self.secrets.wrap(os.urandom(KEY_BYTES), patient_key_place(patient))

    def patient_box(self, patient: str, wrapped: bytes) -> Box:
        """What seals and opens rows of a patient."""
        return Box(self.secrets.unwrap(wrapped, patient_key_place(patient)))

    def _subkey(self, purpose: str) -> bytes:
        if purpose not in self._subkeys:
            derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"tumorcast gateway {purpose}".encode())
            self._subkeys[purpose] = derived.derive(self._system_key)
        return self._subkeys[purpose]


SYSTEM_KEY_PLACE = "system_keys/1/wrapped_key"


def patient_key_place(patient: str) -> str:
    """Where the key of a patient stands."""
    return f"patients/{patient}/wrapped_key"


def write_private(path: Path, text: str, *, new: bool = False) -> None:
    """Write a file that only its owner reads, whole or not at all; ``new``: one that is there stays as it is."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if new:
            os.link(draft, path)
        else:
            draft.replace(path)
    except FileExistsError:
        pass  # another process was first; its key is as good
    finally:
        draft.unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner enters; one that is there stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"tumorcast master key id" + key).digest()[:KEY_ID_BYTES]
