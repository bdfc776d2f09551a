"""The shipped growth model: a whole folder whose parts agree with one another."""

from __future__ import annotations

import json

from tumorcast_fusion.model import SHIPPED, FileStatus, ModelStore, verify_files
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_training.growth.card import card
from tumorcast_training.growth.figure import figure_of
from tumorcast_training.growth.train import rounded, source_manifest

MODEL = SHIPPED / "colorectal-growth"
FIGURE = "plots/sum_of_diameters.svg"


def test_every_file_is_the_one_that_was_published() -> None:
    checks = verify_files(MODEL)
    assert {check.name for check in checks} == {"card.md", "manifest.yaml", "metrics.json", "prior.yaml", FIGURE}
    assert all(check.status is FileStatus.INTACT for check in checks)


def test_the_manifest_is_its_source_and_counts_the_patients_of_the_prior() -> None:
    model = ModelStore(SHIPPED).get("colorectal-growth")
    assert isinstance(model, GrowthModel)
    assert model.manifest == source_manifest()
    assert f"{model.prior.patients} patients, {model.prior.scans} scans" in model.manifest.training_cohort
    assert f"{model.prior.patients} patients" in model.manifest.disclaimer


def test_card_and_figure_are_made_of_the_metrics_beside_them() -> None:
    model = ModelStore(SHIPPED).get("colorectal-growth")
    assert isinstance(model, GrowthModel)
    metrics = json.loads((MODEL / "metrics.json").read_text())
    digest = manifests.reference(MODEL, model.manifest).sha256
    assert (MODEL / "card.md").read_text() == card(model.manifest, model.prior, metrics, digest, FIGURE)
    assert (MODEL / FIGURE).read_bytes() == figure_of("colorectal-growth", metrics)


def test_the_metrics_hold_no_patient_and_six_digits() -> None:
    metrics = json.loads((MODEL / "metrics.json").read_text())
    assert metrics == rounded(metrics)
    assert (metrics["model"], metrics["seed"]) == ("colorectal-growth", 0)
    assert metrics["command"].endswith("--seed 0")
    for labels in metrics["cohort"]["groups_of_patients"].values():
        assert min(labels.values()) >= 10
