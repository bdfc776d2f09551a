"""What a model of tables says beside its estimates: single inputs, missing groups, similar patients, treatments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tumorcast_core.catalog import entry
from tumorcast_core.prognosis import (
    Contribution,
    EndpointKind,
    FeatureContribution,
    Interval,
    ObservedUnder,
    Reason,
    Typicality,
    Worth,
)
from tumorcast_fusion.model.engine import Reading, Remarks
from tumorcast_fusion.model.outputs import INTERVAL_LEVEL
from tumorcast_fusion.model.tabular.abstaining import UNLIKE, unlike_training
from tumorcast_fusion.model.tabular.design import pattern_index
from tumorcast_fusion.model.tabular.reading import TableRow, row_of
from tumorcast_fusion.model.tabular.similar import FEWEST_PATIENTS

if TYPE_CHECKING:
    from tumorcast_fusion.model.tabular.engine import TabularEngine

Array = NDArray[np.float64]
RARE = 0.01
_TEST_TO_TRAIN = 0.25
_FEWEST_FOLDS = 2
_UNUSUAL = Reason("UNUSUAL_PATIENT", "Fewer than 1 in 100 training patients are as unusual: take the answer with care.")
_TOO_FEW = Reason("TOO_FEW_SIMILAR_PATIENTS", f"Fewer than {FEWEST_PATIENTS} training patients like this one had it.")


def remarks_of(engine: TabularEngine, reading: Reading[TableRow], horizons_days: Mapping[str, float]) -> Remarks:
    """Everything beside the estimates."""
    z = reading.content.z
    percentile = engine.typical.percentile(z)
    names = [_told_as(engine, column.inputs[0]) for column in engine.design.columns]
    unlike = bool(unlike_training(engine.typical, z[None], np.array([bool(reading.content.far_outside)]))[0])
    unusual = tuple(dict.fromkeys((*reading.content.far_outside, *engine.typical.unusual(z, names))))
    return Remarks(
        features=_features(engine, reading),
        worth=_worth(engine, reading.present),
        abstains=(UNLIKE,) if unlike else (),
        limits=(_UNUSUAL,) if percentile < RARE else (),
        typicality=Typicality(percentile, unusual),
        similar=engine.similar.similar(z),
        observed_under=() if unlike else _observed_under(engine, reading, horizons_days),
    )


def _features(engine: TabularEngine, reading: Reading[TableRow]) -> dict[str, tuple[FeatureContribution, ...]]:
    """By group, what its inputs add to the link of each endpoint's first cause, the strongest first."""
    found: dict[str, list[FeatureContribution]] = {}
    for spec in engine.manifest.endpoints:
        of_columns = engine.blends[spec.id].contributions(reading.content.z, reading.present)[0]
        for name, (group, feature) in engine.manifest.inputs().items():
            places = [i for i, column in enumerate(engine.design.columns) if column.inputs[0] == name]
            value = float(of_columns[places].sum())
            if places and value:
                words = _words(engine, reading.content, name, feature, spec.id, value)
                found.setdefault(group.id, []).append(FeatureContribution(spec.id, name, value, words))
        for group_id, elements in engine.manifest.elements().items():
            value = float(of_columns[[c.inputs[0] in elements for c in engine.design.columns]].sum())
            if value:
                said = _pointing(engine, "what the network sees in the image", spec.id, value)
                found.setdefault(group_id, []).append(FeatureContribution(spec.id, f"{group_id}_image", value, said))
    return {group: tuple(sorted(all_of, key=lambda c: -abs(c.value))) for group, all_of in found.items()}


def _told_as(engine: TabularEngine, name: str) -> str:
    """What an input is called: an element of an embedding means nothing by itself."""
    return next((f"{group}_image" for group, names in engine.manifest.elements().items() if name in names), name)


def _words(engine: TabularEngine, row: TableRow, name: str, feature: str, endpoint: str, value: float) -> str:
    """An input in its own words: what it is, how it compares, where it points."""
    label = name.replace("_", " ")
    given = row.inputs.get(name)
    unit = entry(feature).unit
    if given is None:
        said = f"{label} (not given; expected from the other inputs)"
    elif isinstance(given, str):
        said = f"{label}: {given.replace('_', ' ')}"
    else:
        scaling = engine.manifest.inputs()[name][0].scaling.get(feature)
        sds = (given - scaling.mean) / scaling.sd if scaling else 0.0
        beside = "about average" if abs(sds) < 0.5 else f"{abs(sds):.1f} SD {'above' if sds > 0 else 'below'} average"
        said = f"{label} {given:.3g}{f' {unit}' if unit else ''} ({beside})"
    return _pointing(engine, said, endpoint, value)


def _pointing(engine: TabularEngine, said: str, endpoint: str, value: float) -> str:
    direction = "raises" if value > 0 else "lowers"
    kind = next(spec.kind for spec in engine.manifest.endpoints if spec.id == endpoint)
    what = "the odds" if kind in (EndpointKind.BINARY, EndpointKind.ORDINAL) else "the hazard"
    return f"{said} {direction} {what} to {np.exp(value):.2f} times"


def _worth(engine: TabularEngine, present: NDArray[np.bool_]) -> dict[str, tuple[Worth, ...]]:
    """By missing group, the gain of each endpoint's score on the published folds if it joined those given.

    The interval is that of a corrected resampled t-test (Nadeau and Bengio 2003).
    """
    found = {}
    for g, group in enumerate(engine.design.groups):
        if present[g]:
            continue
        more = present.copy()
        more[g] = True
        here, there = int(pattern_index(present)), int(pattern_index(more))
        gains = []
        for endpoint, scores in engine.scores.items():
            difference = scores[there] - scores[here]
            difference = difference[np.isfinite(difference)]
            if len(difference) < _FEWEST_FOLDS:
                continue
            gain, spread = float(difference.mean()), float(difference.std(ddof=1))
            reach = stats.t.ppf(0.975, len(difference) - 1) * spread * np.sqrt(1 / len(difference) + _TEST_TO_TRAIN)
            limits = Interval(gain - float(reach), gain + float(reach), INTERVAL_LEVEL)
            gains.append(Worth(endpoint, engine.spec.endpoints[endpoint].score, gain, limits))
        found[group] = tuple(gains)
    return found


def _observed_under(
    engine: TabularEngine, reading: Reading[TableRow], horizons_days: Mapping[str, float]
) -> tuple[ObservedUnder, ...]:
    """The answer under each treatment that similar training patients had: it compares patients, not effects."""
    name = engine.spec.therapy_input
    if not name:
        return ()
    group, feature = engine.manifest.inputs()[name]
    treated = engine.similar.treated(_without(engine, reading.content.z, name))
    present = reading.present.copy()
    present[engine.design.groups.index(group.id)] = True
    given = reading.content.inputs.get(name)
    options = []
    for category in entry(feature).categories:
        count = treated.get(category, 0)
        if not count and category != given:
            continue
        if count < FEWEST_PATIENTS:
            options.append(ObservedUnder(name, category, count, category == given, (), _TOO_FEW))
            continue
        z = row_of({**reading.content.inputs, name: category}, engine.design)
        predicted = []
        for endpoint, output in engine.outputs_of(z[None], present[None]).items():
            days = horizons_days.get(endpoint, 0.0)
            predicted.append(Contribution(endpoint, float(output.headline([days])[0, -1]), days))
        options.append(ObservedUnder(name, category, count, category == given, tuple(predicted)))
    return tuple(options)


def _without(engine: TabularEngine, z: Array, name: str) -> Array:
    """The columns without those of one input: the treatment must not decide who is alike."""
    out = z.copy()
    out[engine.design.columns_of(name)] = np.nan
    return out
