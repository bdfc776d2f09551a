"""The figure of one endpoint: four panels, and the files they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from tumorcast_training.plots import calibration, decision, risk_groups, style, subgroups
from tumorcast_training.plots.predictions import Predictions, TimedPredictions
from tumorcast_training.plots.subgroups import SubgroupEstimate

_SIZE_INCHES = (12.2, 9.8)
_CALIBRATION = (0.075, 0.565, 0.365, 0.305)
_DECISION = (0.545, 0.565, 0.435, 0.305)
_RISK_GROUPS = (0.075, 0.145, 0.365, 0.315)
_SUBGROUPS = (0.638, 0.145, 0.15, 0.29)
_SUBGROUPS_TITLE = (0.481, 0.4715)


@dataclass(frozen=True, slots=True)
class Heading:
    """What the figure says it is of: model, endpoint, the event in a clinician's words, how the score is called.

    ``how`` says on what rows: "out of fold" or "test set, scored once".
    """

    model: str
    endpoint: str
    event: str
    score: str
    how: str = "out of fold: predicted by models that had not seen the patient"


def evaluation_figure(predictions: Predictions, estimates: Sequence[SubgroupEstimate], heading: Heading) -> bytes:
    """Draw calibration, decision curve, risk groups and subgroups as SVG; the same arguments give the same bytes.

    Never raises for degenerate data: a panel that cannot be drawn says why.
    """
    with style.settings():
        return style.svg(draw(predictions, estimates, heading), f"{heading.model}: {heading.endpoint}")


def draw(predictions: Predictions, estimates: Sequence[SubgroupEstimate], heading: Heading) -> Figure:
    """The figure, under the settings of ``style``."""
    known = predictions.known()
    figure = Figure(figsize=_SIZE_INCHES)
    when = f" by day {known.horizon_days:g}" if isinstance(known, TimedPredictions) else ""
    _say_what_it_is(figure, known, heading)
    panels = [figure.add_axes(place) for place in (_CALIBRATION, _DECISION, _RISK_GROUPS, _SUBGROUPS)]
    for axes, title in zip(
        panels, (f"A  Calibration{when}", f"B  Decision curve{when}", "C  Risk groups"), strict=False
    ):
        axes.set_title(title)
    figure.text(*_SUBGROUPS_TITLE, f"D  Subgroups: {heading.score}", fontsize=10.5, fontweight="bold")
    calibration.draw(panels[0], known)
    decision.draw(panels[1], known, heading.event)
    risk_groups.draw(panels[2], known, heading.event)
    subgroups.draw(panels[3], estimates, heading.score)
    return figure


def _say_what_it_is(figure: Figure, known: Predictions, heading: Heading) -> None:
    rows, patients = len(known.probability), len(set(known.patient_ids))
    counted = (
        f"{patients:,} patients" + (f", {rows:,} visits" if rows > patients else "") + f", {known.events:,} events"
    )
    figure.text(0.03, 0.962, f"{heading.model} · {heading.endpoint.replace('_', ' ')}", fontsize=14, fontweight="bold")
    figure.text(0.03, 0.935, f"{counted}; {heading.how}", color=style.GRAY)


def write_plots(folder: Path, figures: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write each endpoint's figure as ``<endpoint>.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for endpoint, content in figures.items():
        file = folder / f"{endpoint}.svg"
        file.write_bytes(content)
        written.append(file)
    return tuple(written)
