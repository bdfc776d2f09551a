"""The patient of a smoke test: simulated, the same every time, shipped as a file so that nothing need be installed.

``patient.json`` holds what ``tumorcast_training.simulator`` draws as patient 0 of seed 2026; a test compares the two.
With images the simulator itself is needed (``pip install "tumorcast[training]"``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tumorcast_client import Document, Inquiry, inquiry
from tumorcast_core.errors import InvalidInput

MODEL = "simulated"
SEED, NUMBER = 2026, 0
SERVICES_OF_GROUPS = {
    "labs": "clinical",
    "genomics": "clinical",
    "clinical": "clinical",
    "therapy": "clinical",
    "notes": "notes",
    "ct_baseline": "imaging",
    "ct_follow_up": "imaging",
}
"""Which service reads each input group of the model ``simulated``."""


@dataclass(frozen=True, slots=True)
class SmokePatient:
    """A question, and the DICOM files that go before it."""

    inquiry: Inquiry
    files: tuple[Path, ...] = ()

    @property
    def services(self) -> frozenset[str]:
        """The services whose inputs the answer must have used."""
        return frozenset({"clinical", "notes"} | ({"imaging"} if self.files else set()))


def without_images() -> SmokePatient:
    """Record and note."""
    found = json.loads(files(__package__).joinpath("patient.json").read_text(encoding="utf-8"))
    note = Document(id="note", date=found["note_date"], content_type="text/plain; charset=utf-8", text=found["note"])
    return SmokePatient(inquiry(MODEL, fhir=found["fhir"], documents=(note,)))


def with_images(folder: Path) -> SmokePatient:
    """The same patient with two CT studies, written into ``folder``; raises ``InvalidInput`` without the simulator."""
    try:
        from tumorcast_training.simulator.cohort import write_patient
    except ImportError as e:
        raise InvalidInput('--imaging needs the simulator: pip install "tumorcast[training]".') from e
    from tumorcast_platform.inputs import Question, gather, patient_folder

    write_patient(NUMBER, seed=SEED, out=folder, complete=True)
    case = gather(Question(MODEL), patient_folder(next(path for path in folder.iterdir() if path.is_dir())))
    return SmokePatient(Inquiry.of(case.query), tuple(file for study in case.studies for file in study.files))
