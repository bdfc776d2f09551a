"""What the shipped models of real cohorts claim of themselves, held against the bars that they were made to clear."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tumorcast_fusion.model import SHIPPED
from tumorcast_fusion.model import manifest as manifests
from tumorcast_training.cross_validation import patterns_of

TABULAR = sorted(f.parent for f in SHIPPED.glob("*/manifest.yaml") if manifests.load(f.parent).engine == "tabular")
MARGIN = -0.02
KNOWN_MISSES = 2
"""Of 16 slopes and intercepts of derived progression and death before it; its card names them as negative findings."""


def _endpoints() -> list[Any]:
    return [
        pytest.param(folder, found, id=f"{folder.name}-{name}")
        for folder in TABULAR
        for name, found in _metrics(folder)["endpoints"].items()
    ]


def _metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def _parts(scores: dict[str, Any]) -> list[dict[str, Any]]:
    return [scores] if "rows" in scores else list(scores.values())


def test_the_real_cohorts_have_a_model() -> None:
    assert {f.name for f in TABULAR} == {"breast-neoadjuvant", "glioma", "hepatocellular", "immunotherapy", "sarcoma"}


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_every_subset_of_the_groups_is_as_good_as_a_model_trained_on_just_that_subset(
    folder: Path, endpoint: dict[str, Any]
) -> None:
    ids = [group.id for group in manifests.load(folder).groups]
    every = {frozenset(chosen) for size in range(1, len(ids) + 1) for chosen in combinations(ids, size)}
    found = {frozenset(row["groups"]): row["difference_to_own"]["lower"] for row in endpoint["subsets"]}
    assert found.keys() == every
    assert len(every) == len(patterns_of(len(ids))) - 1
    assert {groups: bound for groups, bound in found.items() if not bound > MARGIN} == {}


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_what_is_shipped_is_the_simplest_unless_a_gain_clears_noise(folder: Path, endpoint: dict[str, Any]) -> None:
    winners = {
        name: of["gain_over_linear"]["mean"]
        for name, of in endpoint["candidates"].items()
        if name != "linear" and of["gain_over_linear"]["p_holm"] < 0.05 and of["gain_over_linear"]["mean"] > 0
    }
    assert endpoint["chosen"] == max(winners, key=winners.__getitem__, default="linear")


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_coverage_intervals_contain_the_nominal_level(folder: Path, endpoint: dict[str, Any]) -> None:
    for scores in _parts(endpoint["scores"]):
        for kind in ("prediction_sets", "lower_bounds"):
            if scores.get(kind):
                assert scores[kind]["contains_nominal"]


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_out_of_fold_calibration_is_what_chance_allows(folder: Path, endpoint: dict[str, Any]) -> None:
    """Slope and intercept contain 1 and 0; the calibration error of a yes or no is under its null's 95th percentile."""
    missed = 0
    for scores in _parts(endpoint["scores"]):
        for line in list(scores["horizons"].values()) if "horizons" in scores else [scores]:
            for figure, ideal in (("calibration_slope", 1), ("calibration_intercept", 0)):
                _, low, high = line[figure]
                missed += not low <= ideal <= high
        if scores.get("ece_null"):
            assert scores["ece_null"]["within"]
    assert missed == (KNOWN_MISSES if (folder.name, endpoint["kind"]) == ("hepatocellular", "competing-risks") else 0)


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_with_shuffled_outcomes_nothing_is_predicted(folder: Path, endpoint: dict[str, Any]) -> None:
    _, low, high = endpoint["shuffled"]["score"]
    assert low <= 0.5 <= high


@pytest.mark.parametrize("folder", TABULAR, ids=lambda f: f.name)
def test_prototypes_and_their_treatments_are_of_ten_patients_or_more(folder: Path) -> None:
    tabular = manifests.load(folder).tabular
    assert tabular is not None
    for prototype in tabular.prototypes:
        assert prototype.patients >= 10
        assert all(count >= 10 for count in prototype.treatments.values())


@pytest.mark.parametrize(("folder", "endpoint"), _endpoints())
def test_the_readme_quotes_the_committed_figures(folder: Path, endpoint: dict[str, Any]) -> None:
    scores = _parts(endpoint["scores"])[0]
    estimate, low, high = scores.get("auc") or scores["harrell_c"]
    quoted = f"{estimate:.3f} [{low:.3f}, {high:.3f}]"
    lines = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").splitlines()
    assert any(quoted in line and f"[{folder.name}]" in line for line in lines)


def test_the_saliency_of_the_sarcoma_model_stands_the_deletion_test_on_patients_held_out() -> None:
    metrics = json.loads((SHIPPED / "sarcoma" / "metrics.json").read_text(encoding="utf-8"))
    rows = metrics["pixels"]["deletion"]
    assert {(row["dicom_modality"], row["method"]) for row in rows} == {
        (modality, method) for modality in ("PT", "CT", "MR") for method in ("occlusion", "gradient")
    }
    for row in rows:
        assert row["deletion"]["patients"] == 40
        assert max(row["deletion"][p] for p in ("sign_p", "wilcoxon_p", "permutation_p")) < 0.01


def test_the_readme_quotes_every_variant_of_the_sarcoma_model() -> None:
    metrics = json.loads((SHIPPED / "sarcoma" / "metrics.json").read_text(encoding="utf-8"))
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    for variant in metrics["pixels"]["variants"].values():
        value, low, high = variant["pooled"]
        assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in readme
