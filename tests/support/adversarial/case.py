"""What a case is: how its files are written, and what is true of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from support.adversarial.phantom import Edit, Field, Floats, Series

Kind = Literal["sound", "split", "unsound"]
Mask = Callable[[Floats], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Part:
    """One volume that should come out: exactly these voxels, each with the value of ``field`` at its place."""

    affine_lps: Floats
    shape: tuple[int, int, int]
    field: Field


@dataclass(frozen=True)
class Truth:
    """What may be said of a case's files.

    ``parts`` are the volumes that should come out. ``fields`` are all formulas of which a voxel may be true, when they
    have no expected grid, or a reader names no unit (a PET may stay in Bq/ml then). ``tolerance`` is the largest honest
    rounding of a value, ``slack_mm`` that of a place. ``padding`` says where no value was measured.
    """

    parts: tuple[Part, ...]
    fields: tuple[Field, ...]
    tolerance: float = 0.5
    slack_mm: float = 0.005
    padding: Mask | None = None


@dataclass(frozen=True)
class Case:
    """Files on a disk, with the truth of them.

    A ``sound`` case must be accepted as its parts. A ``split`` one must come out as its parts, and so be said. An
    ``unsound`` one must be refused, or come out with no voxel wrong; either way one of ``codes`` says why. For a sound
    case ``codes`` are warnings that must stand beside the volume.
    """

    name: str
    kind: Kind
    write: Callable[[Path], Truth]
    codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def part(series: Series, slices: slice = slice(None)) -> Part:
    """The volume of the series' slices (a contiguous run of them)."""
    affine, chosen = series.affine_lps.copy(), range(series.shape[0])[slices]
    affine[:3, 3] += chosen[0] * affine[:3, 0]
    return Part(affine, (len(chosen), *series.shape[1:]), series.field)


def truth(
    *parts: Part,
    fields: Sequence[Field] = (),
    slope: float = 1.0,
    slack_mm: float = 0.005,
    extra: float = 0.0,
    padding: Mask | None = None,
) -> Truth:
    all_fields = tuple(dict.fromkeys([*(p.field for p in parts), *fields]))
    return Truth(parts, all_fields, 0.5 * slope + extra, slack_mm, padding)


@dataclass(frozen=True)
class _Simple:
    """Writes one series, edited, with or without something beside it."""

    series: Series
    edit: Edit | None
    without: tuple[int, ...]
    beside: Callable[[Path], None] | None
    keep: slice | None
    fields: tuple[Field, ...]
    slack_mm: float
    extra: float
    padding: Mask | None

    def __call__(self, folder: Path) -> Truth:
        self.series.write(folder, self.edit, without=self.without)
        if self.beside:
            self.beside(folder)
        parts = () if self.keep is None else (part(self.series, self.keep),)
        return truth(
            *parts,
            fields=(self.series.field, *self.fields),
            slope=max(map(abs, self.series.slopes)),
            slack_mm=self.slack_mm,
            extra=self.extra,
            padding=self.padding,
        )


def sound(
    name: str,
    series: Series,
    edit: Edit | None = None,
    *,
    codes: tuple[str, ...] = (),
    without: tuple[int, ...] = (),
    beside: Callable[[Path], None] | None = None,
    keep: slice = slice(None),
    fields: tuple[Field, ...] = (),
    slack_mm: float = 0.005,
    extra: float = 0.0,
    padding: Mask | None = None,
) -> Case:
    """A series that must come out whole and right (its slices ``keep``)."""
    write = _Simple(series, edit, without, beside, keep, fields, slack_mm, extra, padding)
    return Case(name, "sound", write, codes)


def unsound(
    name: str,
    codes: tuple[str, ...],
    series: Series,
    edit: Edit | None = None,
    *,
    without: tuple[int, ...] = (),
    beside: Callable[[Path], None] | None = None,
    fields: tuple[Field, ...] = (),
    slack_mm: float = 0.05,
    extra: float = 0.0,
    padding: Mask | None = None,
) -> Case:
    """A series of which no wrong volume may come out."""
    write = _Simple(series, edit, without, beside, None, fields, slack_mm, extra, padding)
    return Case(name, "unsound", write, codes)


def sets(**attributes: object) -> Edit:
    """An edit that sets these attributes on every slice; ``None`` deletes one."""

    def edit(k: int, d: Dataset) -> None:
        for keyword, value in attributes.items():
            if value is None:
                d.pop(keyword, None)
            else:
                setattr(d, keyword, value)

    return edit


def only(chosen: int, edit: Edit) -> Edit:
    """``edit`` on one slice."""
    return lambda k, d: edit(k, d) if k == chosen else None


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(k: int, d: Dataset) -> None:
        for each in edits:
            each(k, d)

    return edit
