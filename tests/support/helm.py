"""The real helm, as tests use it: charts built in a folder of their own, manifests as Python objects."""

from __future__ import annotations

import copy
import functools
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "charts"
SERVICES = ("imaging", "clinical", "notes", "fusion", "gateway")
APPLICATIONS = (*SERVICES, "tumorcast")
ACCEPT_INSECURE = {"gateway": {"auth.insecureDemo": True}, "tumorcast": {"gateway.auth.insecureDemo": True}}
"""What a chart must be told before it renders a gateway without sign-in."""

Manifest = dict[str, Any]
Values = Mapping[str, Any]
"""Values by dotted path, e.g. ``{"clinical.replicas": 3}``."""


class HelmError(Exception):
    """Helm refused; the text is what it said."""


@dataclass(frozen=True)
class Helm:
    """One helm binary and the built charts that it works on."""

    binary: str
    charts: Path

    def run(self, *arguments: str) -> str:
        """What helm prints, run in the folder above ``charts/``; raises ``HelmError`` if it fails."""
        done = subprocess.run(
            [self.binary, *arguments], cwd=self.charts.parent, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    @cached_property
    def version(self) -> str:
        """Such as ``v3.17.2``."""
        return self.run("version", "--template", "{{.Version}}").strip()

    def build(self) -> None:
        """Pack every chart's dependencies, in the order that charts/README.md gives."""
        for chart in APPLICATIONS:
            self.run("dependency", "build", f"charts/{chart}")

    def render(
        self,
        chart: str = "tumorcast",
        values: Values | None = None,
        release: str = "demo",
        *,
        files: Iterable[Path] = (),
        upgrade: bool = False,
    ) -> list[Manifest]:
        """The manifests of a chart with ``values`` by dotted path; the insecure demonstration is accepted.

        The same is rendered once; each caller gets a copy of its own.
        """
        arguments = [word for file in files for word in ("--values", str(file))]
        arguments += [*settings(chart, values or {}), *(["--is-upgrade"] if upgrade else [])]
        return copy.deepcopy(_rendered(self, ("template", release, f"charts/{chart}", *arguments)))

    def refusal(
        self,
        chart: str = "tumorcast",
        values: Values | None = None,
        release: str = "demo",
        *,
        files: Iterable[Path] = (),
    ) -> str:
        """What helm says against these values; fails if it takes them."""
        try:
            self.render(chart, values, release, files=files)
        except HelmError as e:
            return str(e)
        raise AssertionError(f"helm rendered {chart} with {values}")


@functools.cache
def _rendered(helm: Helm, arguments: tuple[str, ...]) -> list[Manifest]:
    return manifests(helm.run(*arguments))


def settings(chart: str, values: Values) -> Iterator[str]:
    """Helm's arguments for these values, as JSON so that types are kept."""
    for path, value in (ACCEPT_INSECURE.get(chart, {}) | dict(values)).items():
        yield from ("--set-json", f"{path}={json.dumps(value)}")


def manifests(text: str) -> list[Manifest]:
    """The objects of a multi-document YAML text."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def binaries(tools: Path = ROOT / ".tools") -> list[str]:
    """Helm 3 and Helm 4 from ``.tools`` (make tools), or else the one in PATH; may be empty."""
    installed = [str(path) for path in sorted(tools.glob("helm[0-9]")) if path.is_file()]
    in_path = shutil.which("helm")
    return installed or ([in_path] if in_path else [])


def copy_charts(destination: Path) -> Path:
    """The charts' sources without anything that an earlier build left."""
    shutil.copytree(CHARTS, destination, ignore=_built)
    return destination


def _built(folder: str, names: list[str]) -> set[str]:
    inside_a_chart = Path(folder).parent == CHARTS
    return {name for name in names if inside_a_chart and re.fullmatch(r"charts|Chart\.lock", name)}
