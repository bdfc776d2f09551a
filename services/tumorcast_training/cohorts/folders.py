"""A folder of data → the cohort in it: one of the four public cohorts, or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import breast_ispy2, glioma_ucsf_pdgm, hcc_sysucc, immunotherapy_chowell
from tumorcast_training.cohorts.base import Cohort

Split = Literal["train", "test"]
READERS: Mapping[str, Callable[[Path], Cohort]] = {
    breast_ispy2.NAME: breast_ispy2.read,
    immunotherapy_chowell.NAME: immunotherapy_chowell.read,
    hcc_sysucc.NAME: hcc_sysucc.read,
    glioma_ucsf_pdgm.NAME: glioma_ucsf_pdgm.read,
}
"""Readers of the public cohorts, by the name that a blueprint gives as its ``cohort``."""
OUTCOMES = "outcomes.csv"


def public_folder(data: Path, cohort: str, folder: str) -> Path | None:
    """Where a public cohort lies: below ``data``, or ``data`` itself; ``None`` where that is a user's own cohort."""
    if cohort not in READERS:
        return None
    if folder and (data / folder).is_dir():
        return data / folder
    return None if (data / OUTCOMES).is_file() else data


def read_public(folder: Path, cohort: str, split: Split = "train") -> Cohort:
    """Read a public cohort; raises ``InvalidInput`` for an unknown name, a split that it has not, or broken files."""
    if cohort not in READERS:
        raise InvalidInput(f"There is no reader of that name; there are: {', '.join(READERS)}.")
    if cohort == immunotherapy_chowell.NAME:
        return immunotherapy_chowell.read(folder, split)
    if split == "test":
        raise InvalidInput("Only the immunotherapy cohort has a test split.")
    return READERS[cohort](folder)
