"""The growth model's card and figure: every claim follows the figures, and the frame is that of the other cards."""

from __future__ import annotations

import copy
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tumorcast_fusion.model import SHIPPED
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.growth import PopulationPrior
from tumorcast_training.growth.card import card
from tumorcast_training.growth.card_findings import findings
from tumorcast_training.growth.figure import figure_of

MODEL = SHIPPED / "colorectal-growth"
SERVICES = Path(files("tumorcast_training").joinpath("..")).resolve()  # type: ignore[arg-type]
TARGETS = ("last_scan", "next_scan", "every_later_scan")


@pytest.fixture
def metrics() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MODEL / "metrics.json").read_text())
    return found


def render(metrics: dict[str, Any]) -> str:
    prior = PopulationPrior.load(MODEL / "prior.yaml")
    return card(manifests.load(MODEL), prior, metrics, "ab" * 32, "plots/sum_of_diameters.svg")


def first_screen(text: str) -> str:
    return text.split("## 1 Use")[0]


def all_on_one_line(text: str) -> str:
    return " ".join(text.split())


def set_difference(metrics: dict[str, Any], target: str, value: float, low: float, high: float) -> None:
    metrics[target]["difference_to"]["last_value"]["mae_mm"] = {"value": value, "interval": [low, high]}


def test_the_first_screen_gives_each_target_with_its_verdict(metrics: dict[str, Any]) -> None:
    set_difference(metrics, "last_scan", 0.83, -0.85, 2.46)
    set_difference(metrics, "next_scan", -0.92, -1.70, -0.15)
    set_difference(metrics, "every_later_scan", 3.5, 2.0, 5.0)
    rows = [line for line in first_screen(render(metrics)).splitlines() if " mm | " in line]
    assert [re.split(r" \| ", row)[4:6] for row in rows] == [
        ["+0.83 [-0.85, +2.46] mm", "**no**"],
        ["-0.92 [-1.70, -0.15] mm", "yes"],
        ["+3.50 [+2.00, +5.00] mm", "**no, worse**"],
    ]
    assert len(first_screen(render(metrics)).splitlines()) < 65


def test_what_is_not_better_than_the_last_value_is_told_on_the_first_screen(metrics: dict[str, Any]) -> None:
    set_difference(metrics, "last_scan", 0.83, -0.85, 2.46)
    screen = all_on_one_line(first_screen(render(metrics)))
    assert "Last scan, from all before: the forecast **does not beat carrying the last value forward**" in screen
    set_difference(metrics, "last_scan", -0.83, -1.85, -0.2)
    assert "does not beat" not in first_screen(render(metrics))


def test_the_groups_that_the_gain_comes_from_are_named(metrics: dict[str, Any]) -> None:
    set_difference(metrics, "next_scan", -0.92, -1.70, -0.15)
    groups = metrics["next_scan_by_past_scans"]
    for of in groups.values():
        of["difference_to"]["last_value"]["mae_mm"] = {"value": 0.1, "interval": [-0.5, 0.7]}
    groups["1"]["difference_to"]["last_value"]["mae_mm"] = {"value": -4.0, "interval": [-7.0, -2.0]}
    told = next(text for text in findings(metrics) if "the gain comes from" in text and text.startswith("Next"))
    assert "1 past scan (-4.00 [-7.00, -2.00] mm); it is not told from none for 2 past scans" in told


def test_a_band_that_misses_its_level_is_told_with_its_side(metrics: dict[str, Any]) -> None:
    for target in TARGETS:
        metrics[target]["coverage_90"] = {"value": 0.9, "interval": [0.88, 0.92]}
        metrics[target]["coverage_50"] = {"value": 0.5, "interval": [0.45, 0.55]}
    assert not any(" band holds" in text for text in findings(metrics))
    metrics["next_scan"]["coverage_50"] = {"value": 0.55, "interval": [0.51, 0.58]}
    metrics["last_scan"]["coverage_90"] = {"value": 0.8, "interval": [0.75, 0.85]}
    told = [text for text in findings(metrics) if " band holds" in text]
    assert told == [
        "Last scan, from all before: the 90 % band holds 80.0 % [75.0, 85.0] of the scans: too narrow.",
        "Next scan: the 50 % band holds 55.0 % [51.0, 58.0] of the scans: wider than it need be.",
    ]


def test_chances_of_progression_that_are_refuted_are_told(metrics: dict[str, Any]) -> None:
    metrics["progression_at_last_scan"]["observed"] = []
    metrics["progression_at_next_scan"]["observed"] = [
        {"patients": 40, "probability": 0.17, "share": 0.09, "interval": [0.03, 0.16]},
        {"patients": 40, "probability": 0.7, "share": 0.72, "interval": [0.6, 0.8]},
    ]
    told = [text for text in findings(metrics) if text.startswith("Progression")]
    assert told == [
        "Progression at the next scan: in 1 of 2 groups of similar forecasts the interval of what was seen excludes "
        "what was said (17 % said, 9 % seen)."
    ]


@pytest.mark.parametrize(
    "said",
    [
        "Damping of trends was added after held-out errors had been seen",
        "all choices were made on the same patients",
        "by the sum of diameters alone; no treatment is read; the data are of one trial",
    ],
)
def test_how_choices_were_made_and_what_is_not_read_stands_on_the_first_screen(
    metrics: dict[str, Any], said: str
) -> None:
    assert said in all_on_one_line(first_screen(render(metrics)))


def test_every_figure_moves_with_the_metrics(metrics: dict[str, Any]) -> None:
    """No number of the results is typed in: doubled errors and coverage leave none of the old decimals behind."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(of) for key, of in value.items()}
        if isinstance(value, list):
            return [changed(of) for of in value]
        return value * 0.7931 + 0.00713 if isinstance(value, float) else value

    other = changed(copy.deepcopy(metrics))
    decimals = re.compile(r"[+-]?\d+\.\d+")
    before, after = (
        decimals.findall(render(m).split("## 7 Results")[1].split("## 8 Limits")[0]) for m in (metrics, other)
    )
    assert len(before) == len(after) > 100
    assert sum(a == b for a, b in zip(before, after, strict=True)) < 0.1 * len(before)


def test_the_frame_is_that_of_the_other_cards(metrics: dict[str, Any]) -> None:
    text = render(metrics)
    assert re.findall(r"^## (\d+) ", text, re.MULTILINE) == [str(n) for n in range(1, 13)]
    for said in (
        "ab" * 32,
        "tumorcast train colorectal-growth --data DIR --out DIR --seed 0",
        "frailtypack",
        "Ducreux",
    ):
        assert said in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block
    assert "{" not in text


@pytest.mark.parametrize(
    "wrong", ["ridge", "blueprint", "conformal", "typicality", "drift colorectal", "subset of the"]
)
def test_nothing_is_said_that_holds_of_other_models_only(metrics: dict[str, Any], wrong: str) -> None:
    assert wrong not in render(metrics)


def test_files_that_the_card_names_exist(metrics: dict[str, Any]) -> None:
    named = set(re.findall(r"`((?:services|tumorcast_\w+)/[\w./-]+)`", render(metrics)))
    assert named
    for name in named:
        assert (SERVICES.parent / name if name.startswith("services/") else SERVICES / name).exists(), name


def test_the_figure_is_small_plain_svg_and_the_same_each_time(metrics: dict[str, Any]) -> None:
    content = figure_of("a-model", metrics)
    assert content == figure_of("a-model", metrics)
    assert len(content) < 60_000
    root = ElementTree.fromstring(content)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "a-model: sum of diameters"  # type: ignore[union-attr]
    assert min(float(size) for size in re.findall(r"font-size: ([\d.]+)px", content.decode())) >= 8


def test_a_group_of_fewer_than_five_patients_is_not_drawn(metrics: dict[str, Any]) -> None:
    metrics["last_scan_by_past_scans"]["1"]["patients"] = 5
    assert figure_of("a-model", metrics).decode().count("1 past scan<") == 2
    metrics["last_scan_by_past_scans"]["1"]["patients"] = 4
    assert figure_of("a-model", metrics).decode().count("1 past scan<") == 1
