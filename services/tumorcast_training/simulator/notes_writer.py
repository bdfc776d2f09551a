"""Writes a patient's oncology note: prose that states, denies or does not mention what the traits say."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from tumorcast_training.simulator.patient import SimulatedPatient

_PRESENT = {
    "weight_loss": (
        "{He} reports unintended weight loss of {kg} kg over the last two months.",
        "Weight loss of {kg} kg since diagnosis.",
        "{He} has lost {kg} kg without trying.",
    ),
    "ascites": (
        "Moderate ascites on ultrasound.",
        "The abdomen is distended with ascites.",
        "New ascites since the last visit.",
    ),
    "pain": (
        "{He} complains of right upper quadrant pain.",
        "Pain needs daily opioids.",
        "Persistent epigastric pain.",
    ),
}
_ABSENT = {
    "weight_loss": ("Denies weight loss.", "Weight is stable, no weight loss.", "{He} has not lost weight."),
    "ascites": ("No ascites.", "The abdomen is soft, without ascites.", "There is no evidence of ascites."),
    "pain": ("Denies pain.", "{He} is free of pain.", "No pain at present."),
}
_SECTION = {"weight_loss": "HISTORY", "pain": "HISTORY", "ascites": "EXAM"}
_FILLER = {
    "HISTORY": (
        "{He} tolerates therapy reasonably well.",
        "{His} mother had breast cancer and weight loss in her last year.",
        "Appetite is fair.",
        "{He} works part time.",
    ),
    "EXAM": ("Lungs are clear.", "Heart sounds are regular.", "No jaundice.", "Blood pressure 128/76."),
}


def note(patient: SimulatedPatient, rng: np.random.Generator) -> tuple[date, str]:
    """Date and text of one note, written between start of therapy and index date."""
    day = patient.start + timedelta(days=int(rng.integers(0, 26)))
    words = {"He": "He", "His": "His"} if patient.trait("male") else {"He": "She", "His": "Her"}
    sections: dict[str, list[str]] = {"HISTORY": [], "EXAM": []}
    for trait, section in _SECTION.items():
        choices = (_PRESENT if patient.trait(trait) else _ABSENT)[trait]
        sections[section].append(choices[int(rng.integers(len(choices)))])
    for section, sentences in sections.items():
        filler = _FILLER[section]
        sentences.insert(int(rng.integers(len(sentences) + 1)), filler[int(rng.integers(len(filler)))])
    lines = [
        f"Date: {day.isoformat()}",
        "SIMULATED ONCOLOGY NOTE",
        "",
        *(f"{name}: {' '.join(sentences)}" for name, sentences in sections.items()),
        "IMPRESSION: Liver tumor under systemic therapy. Early CT planned.",
    ]
    return day, "\n".join(lines).format(kg=int(rng.integers(3, 12)), **words) + "\n"
