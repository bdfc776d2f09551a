"""Pins everything that ``tumorcast[all,dev]`` installs in ``constraints.txt``; ``--check`` compares instead.

What is pinned is the closure of the distribution's requirements in this environment, not all that happens to be
installed. Local versions (``2.13.0+cpu``) are cut: the public version is what every machine can install.
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = "tumorcast"
OF_TORCH = ("cuda-", "nvidia-", "triton")
"""Present only beside a CUDA build of torch, which requires exact versions of them itself."""


def requirements(found: Distribution, extras: frozenset[str]) -> list[Requirement]:
    """The requirements of one distribution that hold here with these extras."""
    wanted = []
    for text in found.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            wanted.append(requirement)
    return wanted


def closure(project: str, extras: frozenset[str]) -> dict[str, str]:
    """Public versions of all distributions that ``project[extras]`` needs here, by canonical name, itself left out."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(project, extras)]
    while queue:
        item = queue.pop()
        if item in seen or item[0].startswith(OF_TORCH):
            continue
        seen.add(item)
        found = distribution(item[0])
        versions[item[0]] = Version(found.version).public
        queue += [(canonicalize_name(r.name), frozenset(r.extras)) for r in requirements(found, item[1])]
    versions.pop(project)
    return dict(sorted(versions.items()))


def pinned(text: str) -> dict[str, str]:
    """The ``name==version`` lines of a constraints file, by canonical name."""
    pairs = (line.split("==") for line in text.splitlines() if "==" in line)
    return {canonicalize_name(name): version.strip() for name, version in pairs}


def main() -> None:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    try:
        wanted = closure(PROJECT, frozenset({"all", "dev"}))
    except PackageNotFoundError as e:
        sys.exit(f"{e.name} is required and not installed: remove .venv and run make again.")
    if not check:
        CONSTRAINTS.write_text("".join(f"{name}=={version}\n" for name, version in wanted.items()), encoding="utf-8")
        return
    have = pinned(CONSTRAINTS.read_text(encoding="utf-8"))
    wrong = [name for name, version in wanted.items() if have.get(name) != version]
    if wrong:
        sys.exit(
            "\n".join(f"constraints.txt does not pin {name}=={wanted[name]}: run make constraints." for name in wrong)
        )


if __name__ == "__main__":
    main()
