"""The commands of a page of the charts, run as they stand there: Helm for real, the other tools recorded.

`helm upgrade` becomes `helm template`, with the values that a release would hold by then: those that it was given
before (--reset-then-reuse-values), then files, then single values.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from support.helm import Helm, Manifest, copy_charts, manifests

RECORDED = ("kubectl", "docker", "tumorcast")
CLUSTER_ONLY = ("test", "history", "rollback")
"""Verbs of Helm that need a cluster: recorded, and their options looked up."""

RECORDER = """#!{python}
import json, sys
name, words = sys.argv[0].rpartition("/")[2], sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([name, *words]) + "\\n")
if name == "helm":
    sys.path.insert(0, {tests!r})
    from support.page_commands import run_helm
    sys.exit(run_helm({helm!r}, words))
"""

Calls = list[list[str]]
"""What was called: the tool, and each of its arguments."""


@dataclass(frozen=True)
class Page:
    """A page, and others that go on from it, with blocks of shell, and of YAML that begins with a file's name."""

    path: Path
    more: tuple[Path, ...] = ()

    def script(self) -> str:
        """The shell blocks as one script, each file written before what follows it."""
        text = "\n".join(path.read_text(encoding="utf-8") for path in (self.path, *self.more))
        blocks = re.findall(r"^( *)```(sh|yaml)\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
        return "\n".join(_shell(language, textwrap.dedent(body)) for _, language, body in blocks)

    def run(self, helm: Helm, folder: Path) -> Calls:
        """Run it in ``folder``, where the charts' sources are; fails with the tool's words if a command fails."""
        copy_charts(folder / "charts")
        tools = folder / "bin"
        tools.mkdir()
        tests, log = str(Path(__file__).parents[1]), str(folder / "log")
        recorder = RECORDER.format(python=sys.executable, tests=tests, log=log, helm=helm.binary)
        for tool in ("helm", *RECORDED):
            (tools / tool).write_text(recorder, encoding="utf-8")
            (tools / tool).chmod(0o755)
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", self.script()],
            cwd=folder,
            env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]


def _shell(language: str, body: str) -> str:
    if language == "sh":
        return body
    name = body.partition("\n")[0].removeprefix("# ")
    return f"cat > {name} <<'END_OF_FILE'\n{body}END_OF_FILE\n"


def run_helm(helm: str, words: list[str]) -> int:
    """Run what needs no cluster; returns the exit status."""
    if words[0] in CLUSTER_ONLY:
        return 0
    if words[0] == "upgrade":
        words = ["template", *words[1:3], "--values", str(_held(Path.cwd(), words))]
    return subprocess.run([helm, *words], stdout=subprocess.DEVNULL, check=False).returncode


def _held(folder: Path, words: list[str]) -> Path:
    """The file of the values that the release holds after this upgrade."""
    before = _value_files(folder)
    reuses = "--reset-then-reuse-values" in words and before
    values: dict[str, Any] = yaml.safe_load(before[-1].read_text(encoding="utf-8")) if reuses else {}
    told = [(option, value) for option, value in itertools.pairwise(words) if option.startswith("--")]
    for option, value in told:
        if option == "--values":
            values = _merged(values, yaml.safe_load(Path(value).read_text(encoding="utf-8")))
    for option, value in told:
        if option in ("--set", "--set-json"):
            path, _, text = value.partition("=")
            scalar = json.loads(text) if option == "--set-json" else yaml.safe_load(text or "''")
            values = _merged(values, reduce(lambda inner, key: {key: inner}, reversed(path.split(".")), scalar))
    file = folder / f"values-{len(before):03}.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def _value_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("values-[0-9]*.yaml"))


def _merged(below: Any, above: Any) -> Any:
    """Maps key by key; anything else is replaced, as Helm does."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def of(tool: str, calls: Calls) -> Calls:
    """The arguments of each call of a tool."""
    return [words for name, *words in calls if name == tool]


def releases(helm: Helm, folder: Path) -> Iterator[list[Manifest]]:
    """What the cluster holds after each `helm upgrade` of a page that was run in ``folder``."""
    charts = Helm(helm.binary, folder / "charts")
    for file in _value_files(folder):
        yield manifests(charts.run("template", "tumorcast", "charts/tumorcast", "--values", str(file)))


def check_tumorcast(words: list[str]) -> None:
    """Parse a `tumorcast` command line as the command itself would, without doing it; raises what the parser raises."""
    import typer

    from tumorcast_platform.cli import app

    command: Any = typer.main.get_command(app)
    context, rest = command.context_class(command, info_name="tumorcast"), list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"tumorcast has no command {name}"
        command = command.commands[name]
        context = command.context_class(command, parent=context, info_name=name)
    command.make_context(context.info_name, rest, parent=context.parent)


def platform_commands() -> list[str]:
    """Names of the `tumorcast platform` commands."""
    import typer

    from tumorcast_platform.commands.platform.app import platform_app

    group: Any = typer.main.get_command(platform_app)
    return sorted(group.commands)
