"""Manifests from the charts, by the real Helm: the one that is given, or the one found on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tumorcast_core.errors import DeadlineExceeded, InvalidInput

SERVICES = ("imaging", "clinical", "notes", "fusion", "gateway")
UMBRELLA = "tumorcast"
TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """What to render: release, namespace, values files and single values, for which Kubernetes."""

    release: str
    namespace: str
    values: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    """``key=value`` as for ``--set``."""
    kube_version: str = ""
    is_upgrade: bool = False


def find_helm(given: str | None) -> str:
    """The Helm to run; raises ``InvalidInput`` where there is none."""
    found = shutil.which(given or "helm")
    if found is None:
        raise InvalidInput(
            f"There is no {given}."
            if given
            else "There is no helm on PATH: install Helm 3.17 or newer, or give --helm."
        )
    return found


def find_charts(given: Path | None) -> Path:
    """The umbrella chart: a folder, a packed chart, or the ``tumorcast`` folder in a folder of charts.

    Without one, ``charts`` here. Raises ``InvalidInput`` where there is none.
    """
    place = given or Path("charts")
    for chart in (place / UMBRELLA, place):
        if (chart / "Chart.yaml").is_file():
            return chart
    if place.is_file() and place.name.endswith(".tgz"):
        return place
    raise InvalidInput(
        f"There is no chart at {place}: give the folder charts/ of Tumorcast, or a packed chart (--charts)."
    )


def render(helm: str, chart: Path, what: Rendering) -> str:
    """The manifests as YAML; raises ``InvalidInput`` with Helm's reason where it refuses."""
    arguments = ["template", what.release, "--namespace", what.namespace]
    arguments += [word for file in what.values for word in ("--values", str(file.absolute()))]
    arguments += [word for setting in what.settings for word in ("--set", setting)]
    arguments += ["--kube-version", what.kube_version] if what.kube_version else []
    arguments += ["--is-upgrade"] if what.is_upgrade else []
    with _with_dependencies(helm, chart) as complete:
        return _run(helm, [*arguments, str(complete)])


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML text; raises ``InvalidInput`` for one that is none."""
    try:
        found = list(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise InvalidInput(f"These manifests are not YAML ({type(e).__name__}).") from e
    if not all(document is None or (isinstance(document, dict) and document.get("kind")) for document in found):
        raise InvalidInput("These are no manifests: each document must be an object with a kind.")
    return [document for document in found if document]


@contextmanager
def _with_dependencies(helm: str, chart: Path) -> Iterator[Path]:
    """The chart with what it depends on packed in it: as it is, or a copy in which that was done."""
    if chart.is_file() or _complete(chart):
        yield chart
        return
    with tempfile.TemporaryDirectory() as folder:
        charts = Path(folder) / "charts"
        shutil.copytree(chart.parent, charts)
        for name in (*SERVICES, chart.name):
            if (charts / name / "Chart.yaml").is_file():
                _run(helm, ["dependency", "build", str(charts / name)])
        yield charts / chart.name


def _complete(chart: Path) -> bool:
    """Whether all dependencies lie in ``charts/`` of the chart, none of them older than its sources."""
    packed = list((chart / "charts").glob("*.tgz")) if (chart / "charts").is_dir() else []
    wanted = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8")).get("dependencies") or []
    if len(packed) < len(wanted):
        return False
    oldest = min((p.stat().st_mtime for p in packed), default=0.0)
    sources = [p for p in chart.parent.rglob("*") if p.is_file() and p.suffix != ".tgz"]
    return not wanted or all(p.stat().st_mtime <= oldest for p in sources)


def _run(helm: str, arguments: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own Helm, arguments as a list
            [helm, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as e:
        raise DeadlineExceeded(f"helm {arguments[0]} did not end within {TIMEOUT_S:.0f} s.") from e
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidInput(f"helm cannot be run ({type(e).__name__}).") from e
    if done.returncode:
        raise InvalidInput(reason_of(done.stderr or done.stdout))
    return done.stdout


def reason_of(stderr: str) -> str:
    """Helm's reason without the place in the template where it was told.

    >>> reason_of("Error: execution error at (tumorcast/charts/gateway/templates/a.yaml:1:4): Say who may call.")
    'Say who may call.'
    """
    text = stderr.replace("Use --debug flag to render out invalid YAML", "").strip()
    text = re.sub(r"^Error: ", "", text, flags=re.MULTILINE)
    text = re.sub(r"execution error at \([^)]*\): ", "", text)
    return text.strip() or "Helm refuses, and gives no reason."
