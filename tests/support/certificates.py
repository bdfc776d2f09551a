"""A certificate authority and what it vouches for, as PEM files."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.smart import ec_key, write_pem

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs for ``localhost`` and 127.0.0.1, or other names; ``certificate`` is what others must trust."""

    def __init__(self, folder: Path, name: str = "hospital") -> None:
        self._folder, self._key, self._name = folder, ec_key(), _named(name)
        self.certificate = folder / f"{name}.pem"
        signed = self._signed(self._name, self._key.public_key(), authority=True, until=HOUR)
        _write(signed, self.certificate)

    def issue(
        self, name: str = "gateway", dns: Sequence[str] = ("localhost",), *, until: datetime.timedelta = HOUR
    ) -> Pair:
        """A new pair, in files of that name, each replaced at once; ``until`` from now it is valid."""
        key = ec_key(ec.SECP256R1())
        made = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key.pem")
        signed = self._signed(_named(name), key.public_key(), authority=False, dns=dns, until=until)
        fresh = Pair(made.certificate.with_suffix(".new"), made.key.with_suffix(".new"))
        _write(signed, fresh.certificate)
        write_pem(key, fresh.key)
        os.replace(fresh.certificate, made.certificate)
        os.replace(fresh.key, made.key)
        return made

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        authority: bool,
        until: datetime.timedelta,
        dns: Sequence[str] = ("localhost",),
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [*map(x509.DNSName, dns), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
            .not_valid_before(now - 2 * HOUR)
            .not_valid_after(now + until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA384())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(certificate: x509.Certificate, path: Path) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
