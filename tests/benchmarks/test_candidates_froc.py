"""FROC of the PET candidates on SIMULATED whole bodies, and where the true tumor ranks on real but cropped sarcomas.

``pytest tests/benchmarks/test_candidates_froc.py -m "" -s`` prints both tables. The simulated patients were made by
us, with textbook organs, noise and blur; figures on real whole-body PET will be lower. The sarcoma series end 5 cm from
the tumor, so that little else can be hot, and organs cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tumorcast_imaging.model.candidates import candidates
from tumorcast_training.candidates.froc import RATES, froc, scored
from tumorcast_training.candidates.whole_body import simulate
from tumorcast_training.metrics import ClusterBootstrap
from tumorcast_training.segmentation.reader import drawn_series, folds

SARCOMA = Path(__file__).parents[3] / "shared" / "data" / "sarcoma_pet_ct_mr"
SCANS, FIRST_SEED = 60, 50_000
"""Seeds below 50,000 were looked at while the rules were written."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_rules_find_more_simulated_lesions_than_suv_alone() -> None:
    by_rules, by_suv = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + SCANS):
        patient = simulate(seed)
        found = candidates(patient.volume)
        by_rules.append(scored(found, patient.lesions, [c.score for c in found]))
        by_suv.append(scored(found, patient.lesions, [c.suv_max for c in found]))
    lesions = sum(len(scan.lesion_scores) for scan in by_rules)
    print(f"\nSIMULATED: {SCANS} whole-body PET, {lesions} lesions; sensitivity [95 % interval over scans]")  # noqa: T201
    print("| false positives a scan | " + " | ".join(f"{rate:g}" for rate in RATES) + " |")  # noqa: T201
    curves = {"score": froc(by_rules), "SUVmax alone": froc(by_suv)}
    for name, curve in curves.items():
        cells = [f"{a:.2f} [{b:.2f}, {c:.2f}]" for a, b, c in filter(None, curve.values())]
        print(f"| {name} | {' | '.join(cells)} |")  # noqa: T201
    rules, suv = (curves[name]["1"] for name in ("score", "SUVmax alone"))
    assert rules is not None
    assert suv is not None
    assert rules[1] > suv[2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not SARCOMA.is_dir(), reason="../shared/data is not here")
def test_the_sarcoma_is_among_the_first_candidates_of_its_cropped_pet() -> None:
    ranks = np.array(list(_ranks()))
    bootstrap = ClusterBootstrap(range(len(ranks)), samples=2000)
    print(f"\nREAL but cropped 5 cm around the tumor: rank of the first candidate that touches it, {len(ranks)} PET")  # noqa: T201
    for most in (1, 3, 5):
        hit = (ranks <= most).astype(float)
        found = bootstrap.interval(lambda w, h=hit: np.atleast_1d(h.mean()) if w is None else w @ h / w.sum(axis=1))
        print(f"| within the first {most} | {found} |")  # noqa: T201
    print(f"| never | {int((ranks > 50).sum())} |")  # noqa: T201
    assert (ranks <= 3).mean() > 0.5


def _ranks() -> Iterator[int]:
    for patient in sorted(folds(SARCOMA)):
        for series in drawn_series(SARCOMA, patient):
            if series.volume.dicom_modality == "PT":
                hits = [c.rank for c in candidates(series.volume) if (c.region.mask & series.mask).any()]
                yield min(hits, default=99)
