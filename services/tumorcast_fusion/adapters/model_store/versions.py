"""A version of a model as files: whole, as published, and one that answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tumorcast_core.errors import TumorcastError, UnsoundModel
from tumorcast_core.prognosis import ModelCard, ModelRef
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.model import FileStatus, Model, load_model, verify_files
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.generation import version_name

MAX_MODEL_BYTES = 2 << 30
"""Of all files of a version."""
MAX_FILES = 500
MAX_SUMS_BYTES = 1 << 20
ANOTHER = "The model is another than its place in the store says."


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A model in memory, with its card and the name of its version."""

    version: str
    model: Model
    card: ModelCard | None


def verified(folder: Path) -> None:
    """Raise ``UnsoundModel`` unless every file of a model's folder, and no other, is one that was published."""
    try:
        checks = verify_files(folder)
    except TumorcastError as e:
        raise UnsoundModel(e.message) from e
    wrong = [check for check in checks if check.status is not FileStatus.INTACT]
    if wrong:
        raise UnsoundModel(f"{len(wrong)} of the model's {len(checks)} files are not those that were published.")


def identified(folder: Path, name: str, version: str, sha256: str = "") -> ModelRef:
    """Verify a model's folder and give its identity, without loading it.

    Raises ``UnsoundModel``, also where name, version (as a store calls it) or, if given, sha256 are another's.
    """
    verified(folder)
    try:
        ref = manifests.reference(folder, manifests.load(folder))
        own = (ref.name, version_name(ref), ref.sha256)
    except (TumorcastError, OSError) as e:
        raise UnsoundModel("The model's manifest is missing or broken.") from e
    if own != (name, version, sha256 or ref.sha256):
        raise UnsoundModel(ANOTHER)
    return ref


def load_version(folder: Path, *, name: str = "", version: str = "", sha256: str = "") -> LoadedVersion:
    """Verify and load a model's folder, and have it answer once; raises ``UnsoundModel``.

    What is given of ``name``, ``version`` (as a store calls it) and ``sha256`` must be the model's own.
    """
    verified(folder)
    try:
        model = load_model(folder)
        model.predict(
            PatientSnapshot()
        )  # of nobody: it abstains, and the first patient need not wait for it to warm up
        told = (model.ref.name, version_name(model.ref), model.ref.sha256)
    except TumorcastError as e:
        raise UnsoundModel(e.message) from e
    except Exception as e:  # whatever a model's files make its code do
        raise UnsoundModel(f"The model does not answer ({type(e).__name__}).") from e
    if any(wanted and wanted != own for wanted, own in zip((name, version, sha256), told, strict=True)):
        raise UnsoundModel(ANOTHER)
    return LoadedVersion(told[1], model, _card(folder, model))


def _card(folder: Path, model: Model) -> ModelCard | None:
    try:
        return ModelCard(model.ref, (folder / "card.md").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
