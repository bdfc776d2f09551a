"""A service's image without Docker: the files that its Dockerfile copies, built, and imported with its extra alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.helm import ROOT


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile: ``COPY``, and what follows it."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        return self.text.split()


def dockerfile(service: str) -> list[Instruction]:
    """The instructions of a service's Dockerfile, continuation lines joined."""
    text = (ROOT / "services" / f"tumorcast_{service}" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def copied_from_context(instructions: list[Instruction]) -> list[str]:
    """What the Dockerfile takes from the repository, folders with a slash at the end."""
    copies = [i.words for i in instructions if i.name in ("COPY", "ADD")]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def copy_file_set(sources: list[str], destination: Path) -> Path:
    """The same files in an empty folder."""
    for source in sources:
        if source.endswith("/"):
            shutil.copytree(ROOT / source, destination / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, destination / source)
    return destination


def build_wheel(source: Path, unpacked: Path) -> Path:
    """Build the tree as ``pip install .`` would, and unpack the wheel."""
    build_system = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    hook = f"import {build_system['build-backend']} as backend; print(backend.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", hook], cwd=source, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(source / "dist" / done.stdout.split()[-1]) as wheel:
        wheel.extractall(unpacked)
    return unpacked


def distributions_of(unpacked: Path, extra: str) -> set[str]:
    """Names of all distributions that ``pip install .[extra]`` installs, as far as they are installed here."""
    [root] = metadata.distributions(path=[str(unpacked)])
    found: set[str] = set()
    pending = [(requirement, extra) for requirement in root.requires or []]
    while pending:
        text, active = pending.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": active}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras}:
            if (key := f"{name}[{wanted}]") not in found:
                found.add(key)
                pending += [(child, wanted) for child in metadata.requires(name) or []]
    return {key.partition("[")[0] for key in found}


def import_in_image(unpacked: Path, extra: str, modules: list[str]) -> dict[str, str]:
    """Import modules, and all below them, where the wheel and the extra's distributions are all there is.

    Returns for each module what went wrong, or "". ``-S`` leaves out this repository's editable install; the finder
    refuses what the image would not have.
    """
    allowed = distributions_of(unpacked, extra)
    refused = [
        top
        for top, owners in metadata.packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & (allowed | {"tumorcast"})
    ]
    paths = [str(unpacked), sysconfig.get_path("purelib")]
    arguments = json.dumps({"paths": paths, "refused": refused, "modules": modules})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "ignore", "-c", _IMPORT, arguments],
        cwd=unpacked,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


_IMPORT = """
import importlib, json, pkgutil, sys, traceback
from importlib.machinery import PathFinder
arguments = json.loads(sys.argv[1])

class Image:
    refused = set(arguments["refused"])
    def find_spec(self, name, path=None, target=None):
        if name in self.refused:
            elsewhere = [path for path in sys.path if path not in arguments["paths"]]  # Ray brings its own psutil
            if spec := PathFinder.find_spec(name, elsewhere):
                return spec
            raise ModuleNotFoundError(f"the image has no {name}", name=name)

def error_of(module):
    try:
        package = importlib.import_module(module)
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), module + "."):
            importlib.import_module(found.name)
    except ImportError:
        return traceback.format_exc()
    return ""

sys.meta_path.insert(0, Image())
sys.path += arguments["paths"]
print(json.dumps({module: error_of(module) for module in arguments["modules"]}))
"""
