"""A certificate authority and what it vouches for, as PEM files."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.smart import ec_key, write_pem


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs for ``localhost`` and 127.0.0.1; ``certificate`` is what others must trust."""

    def __init__(self, folder: Path, name: str = "hospital") -> None:
        self._folder, self._key, self._name = folder, ec_key(), _named(name)
        self.certificate = folder / f"{name}.pem"
        _write(self._signed(self._name, self._key.public_key(), authority=True), self.certificate)

    def issue(self, name: str = "gateway") -> Pair:
        """A new pair, in files of that name."""
        key = ec_key(ec.SECP256R1())
        made = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key.pem")
        _write(self._signed(_named(name), key.public_key(), authority=False), made.certificate)
        write_pem(key, made.key)
        return made

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA384())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(certificate: x509.Certificate, path: Path) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
