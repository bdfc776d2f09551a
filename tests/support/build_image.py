"""A service's image without Docker: ``python tests/support/build_image.py SERVICE [--variant cpu|cuda] [--keep DIR]``.

Follows the Dockerfile: the ``RUN`` lines of its build stage in a shell, with ``/opt`` and ``/src`` in a folder of their
own, so that the extra is really installed in its pinned versions; from where, pip's own configuration says. Then looks
at what lies there and starts it (``start_image.py``). Not done: the base image, and what the last stage installs from
Debian.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # as a script it stands beside its package
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.helm import SERVICES
from support.images import Instruction, copied_from_context, copy_file_set, dockerfile

PACKAGES = ("core", "api", "client")
FOREIGN = ("pytest", "hypothesis", "ruff", "mypy")
BUILD_S = 1800
IMAGES = (*SERVICES, "training")


@dataclass(frozen=True)
class Image:
    """What the Dockerfile makes, below ``root`` in place of ``/``."""

    service: str
    root: Path
    environment: dict[str, str]
    entrypoint: list[str]
    user: str
    labels: dict[str, str] = field(default_factory=dict)
    built_s: float = 0.0

    @property
    def size_mb(self) -> float:
        files = (path for path in (self.root / "opt").rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_size for path in files) / 1e6


def build(service: str, root: Path, arguments: dict[str, str] | None = None) -> Image:
    """Follow the Dockerfile in an empty folder; raises ``CalledProcessError`` with the last words of a failed line."""
    began = time.monotonic()
    instructions = dockerfile(service)
    last = max(n for n, i in enumerate(instructions) if i.name == "FROM")
    _build_stage(instructions[:last], root, arguments or {})
    final = instructions[last:]
    environment: dict[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    labels: dict[str, str] = {}
    for instruction in final:
        if instruction.name in ("ENV", "LABEL"):
            told = environment if instruction.name == "ENV" else labels
            told |= {name: _expanded(value, environment) for name, value in pairs(instruction)}
    [entrypoint] = [json.loads(i.text) for i in final if i.name == "ENTRYPOINT"]
    [user] = [i.text for i in final if i.name == "USER"]
    return Image(service, root, environment, entrypoint, user, labels, time.monotonic() - began)


def pairs(instruction: Instruction) -> list[tuple[str, str]]:
    """Names and values of an ENV or LABEL."""
    return [(name, quoted or plain) for name, quoted, plain in _PAIR.findall(instruction.text)]


_PAIR = re.compile(r'([\w.]+)=(?:"([^"]*)"|(\S*))')


def _expanded(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], ""), text)


def _build_stage(instructions: list[Instruction], root: Path, arguments: dict[str, str]) -> None:
    source = root / "src"
    for folder in (source, root / "opt", root / "bin"):
        folder.mkdir(parents=True)
    for tool, words in (("python", ""), ("pip", "-m pip")):
        path = root / "bin" / tool
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = kept | {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    for instruction in instructions:
        if instruction.name == "ARG":
            name, _, default = instruction.text.partition("=")
            environment[name] = arguments.get(name, default)
        elif instruction.name == "ENV":  # the cache, which an image must not hold, is what makes a second build short
            environment |= {k: _placed(v, root) for k, v in pairs(instruction) if k != "PIP_NO_CACHE_DIR"}
        elif instruction.name == "COPY":
            copy_file_set(instruction.words[:-1], source)
        elif instruction.name == "RUN":
            _run(_placed(instruction.text, root), source, environment)
        else:
            assert instruction.name in ("FROM", "WORKDIR"), instruction


def _placed(text: str, root: Path) -> str:
    return text.replace("/opt/", f"{root}/opt/")


def _run(command: str, source: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, "\n".join(done.stdout.splitlines()[-15:]))


def packages_of(service: str) -> set[str]:
    """The services whose code a Dockerfile copies: its own, and for the jobs' image those that training reads with."""
    return {Path(source).name for source in copied_from_context(dockerfile(service)) if source.startswith("services/")}


def foreign_files(image: Image) -> list[str]:
    """What lies there and should not: other services' code, tests and histories, tools of development, caches."""
    own = {"tumorcast", *packages_of(image.service), *(f"tumorcast_{name}" for name in PACKAGES)}
    code = image.root / "opt" / "tumorcast"
    found = [path.name for path in code.iterdir() if not path.name.endswith(".dist-info") and path.name not in own]
    names = {"tests", ".git", ".github", "Dockerfile", ".env"}
    found += [str(path.relative_to(code)) for path in code.rglob("*") if path.name in names]
    [libraries] = (image.root / "opt" / "dependencies" / "lib").glob("python3*/site-packages")
    found += [name for name in (*FOREIGN, "tumorcast", "pip") if (libraries / name).exists()]
    return found


def importable(image: Image, modules: list[str]) -> list[str]:
    """Those of ``modules`` that the image's interpreter finds, with nothing else on its path."""
    code = "import json, sys, importlib.util as u; print(json.dumps([m for m in sys.argv[1:] if u.find_spec(m)]))"
    done = subprocess.run(
        [str(image.root / "opt/dependencies/bin/python"), "-P", "-c", code, *modules],
        env={"PYTHONPATH": str(image.root / "opt/tumorcast"), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=image.root / "opt",
        check=True,
        capture_output=True,
        text=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Build one, look at it, start it; exit status 1 where something is not as it should be."""
    from support.start_image import run_once, start

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("service", choices=IMAGES)
    parser.add_argument("--variant", choices=("cpu", "cuda"), help="of imaging; cpu unless said")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, help="empty folder to build in, which stays")
    given = parser.parse_args()
    arguments = dict(word.split("=", 1) for word in given.build_arg)
    if given.variant:
        arguments["VARIANT"] = given.variant
    with tempfile.TemporaryDirectory() as scratch:
        try:
            image = build(given.service, (given.keep or Path(scratch)).resolve(), arguments)
        except subprocess.CalledProcessError as e:
            sys.exit(f"{given.service}: status {e.returncode} of {e.cmd}\n{e.output}")
        print(f"{image.service}: built in {image.built_s:.0f} s, {image.size_mb:.0f} MB besides Python")  # noqa: T201
        wrong = foreign_files(image)
        every = {f"tumorcast_{name}" for name in (*IMAGES, "platform")}
        wrong += importable(image, sorted(every - packages_of(image.service)))
        if wrong:
            sys.exit(f"{image.service}: should not be in it: {', '.join(wrong)}")
        if image.service == "training":  # it serves nothing
            run_once(image, "--help")
            sys.exit()
        started = start(image)
        how = "as another user on a read-only root" if started.confined else "not confined: that needs root on Linux"
        print(f"{image.service}: serves after {started.serving_s:.1f} s, {how}; ends in {started.ended_s:.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
