"""What a job does: the arguments of the very ``tumorcast`` command, and the claims that its folders lie on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from tumorcast_core.errors import InvalidInput

DATA, OUT, TRAINED = "/data", "/out", "/trained"
COMMAND = ("python", "-m", "tumorcast_platform")
WITHOUT_RAY = frozenset({"simulated", "click", "growth"})
"""What ``tumorcast train`` trains in processes of one machine, whatever ``--ray-address`` says."""
LONGEST_NAME = 47
"""KubeRay's limit for a RayJob; it makes longer names of it."""
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


class Task(StrEnum):
    """The kinds of work."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim, or a folder in one, and where it is mounted."""

    name: str
    folder: str
    path: str
    writable: bool = False

    @classmethod
    def of(cls, text: str, path: str, *, writable: bool = False) -> Claim:
        """Read ``CLAIM[:FOLDER]``; raises ``InvalidInput``.

        >>> Claim.of("cohorts:glioma/2026", DATA).folder
        'glioma/2026'
        """
        name, _, folder = text.partition(":")
        if not _DNS_NAME.fullmatch(name) or len(name) > 253:
            raise InvalidInput("A claim is given as NAME or NAME:FOLDER.")
        return cls(name, inside(folder) if folder else "", path, writable)


@dataclass(frozen=True, slots=True)
class Work:
    """One job's work."""

    task: Task
    model: str
    arguments: tuple[str, ...]
    """Of ``tumorcast``."""
    claims: tuple[Claim, ...]
    ray_workers: int = 0
    """Pods of a Ray cluster beside its head; 0: one pod, no Ray."""

    @property
    def command(self) -> tuple[str, ...]:
        """The container's command."""
        return (*COMMAND, *self.arguments)


def train(model: str, data: str, out: str, *, ray_workers: int, cpus: int, more: Sequence[str] = ()) -> Work:
    """``tumorcast train``; on a Ray cluster where the model's training uses one.

    Without a name, by the blueprint in the folder (``blueprint.yaml``).
    """
    workers = 0 if model in WITHOUT_RAY else ray_workers
    how = ("--ray-address", "auto") if workers else ("--workers", str(cpus))
    name = (checked_model(model),) if model else ()
    arguments = ("train", *name, "--data", DATA, "--out", OUT, *how, *more)
    return Work(Task.TRAIN, model, arguments, (Claim.of(data, DATA), Claim.of(out, OUT, writable=True)), workers)


def evaluate(
    model: str, data: str, *, table: str = "", plots: str = "", trained: str = "", more: Sequence[str] = ()
) -> Work:
    """``tumorcast evaluate`` of a table on the claim, or without one of the cohort that it holds."""
    claims = [Claim.of(data, DATA)]
    what = ["--table", f"{DATA}/{inside(table)}"] if table else ["--data", DATA]
    if plots:
        claims.append(Claim.of(plots, OUT, writable=True))
        what += ["--plots", OUT]
    return Work(
        Task.EVALUATE,
        model,
        ("evaluate", checked_model(model), *what, *_trained(trained, claims), *more),
        tuple(claims),
    )


def batch(
    model: str, data: str, table: str, out: str, answers: str, *, trained: str = "", more: Sequence[str] = ()
) -> Work:
    """``tumorcast predict-table``: every row of a table answered into another table."""
    claims = [Claim.of(data, DATA), Claim.of(out, OUT, writable=True)]
    what = ["--table", f"{DATA}/{inside(table)}", "--out", f"{OUT}/{inside(answers)}"]
    return Work(
        Task.BATCH,
        model,
        ("predict-table", checked_model(model), *what, *_trained(trained, claims), *more),
        tuple(claims),
    )


def new_name(release: str, work: Work) -> str:
    """A name that nobody has, short enough for every kind.

    >>> len(new_name("r" * 60, batch("m", "d", "t.csv", "o", "a.csv")))
    47
    """
    model = re.sub(r"[^a-z0-9]+", "-", work.model.lower()).strip("-")
    return f"{f'{release}-{work.task}-{model}'[: LONGEST_NAME - 7].rstrip('-')}-{secrets.token_hex(3)}"


def checked_name(name: str) -> str:
    """A name that was given; raises ``InvalidInput``."""
    if not _DNS_LABEL.fullmatch(name) or len(name) > LONGEST_NAME or name[0].isdecimal():
        raise InvalidInput(f"A job's name has at most {LONGEST_NAME} of a-z, 0-9 and -, and begins with a letter.")
    return name


def checked_model(model: str) -> str:
    """A model's name; raises ``InvalidInput`` for what cannot be one."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", model):
        raise InvalidInput("A model's name has a-z, 0-9 and - only.")
    return model


def inside(path: str) -> str:
    """A path below a mounted folder; raises ``InvalidInput`` for one that leads out of it."""
    found = PurePosixPath(path)
    if not path or found.is_absolute() or ".." in found.parts or "\0" in path:
        raise InvalidInput("A file on a claim is given by its path in the claim, without a leading / and without ..")
    return str(found)


def _trained(claim: str, claims: list[Claim]) -> list[str]:
    if not claim:
        return []
    claims.append(Claim.of(claim, TRAINED))
    return ["--trained", TRAINED]
