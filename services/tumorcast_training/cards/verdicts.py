"""What the figures mean, in words: which claims hold, and every one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tumorcast_training.cards.markdown import NOT_COMPUTED, estimate, gain, p_value, words
from tumorcast_training.cards.reading import Endpoint, Figures, Source, discrimination, mapping

SIMPLEST = "linear"
MARGIN = -0.02
SIGNIFICANCE = 0.05
_WEAK = (("calibration_slope", "slope", 1.0), ("calibration_intercept", "intercept", 0.0))


def contains(interval: Any, target: float) -> bool | None:
    """Whether [estimate, lower, upper] contains a number; ``None`` where there is no interval.

    >>> contains([1.1, 0.9, 1.3], 1), contains([0.7, 0.6, 0.9], 1), contains(None, 1)
    (True, False, None)
    """
    if not isinstance(interval, list | tuple) or len(interval) != 3 or None in interval:
        return None
    return bool(interval[1] <= target <= interval[2])


def clears(floor: Figures) -> bool | None:
    """Whether the gain over a floor clears noise."""
    if isinstance(floor.get("clears"), bool):
        return bool(floor["clears"])
    p = mapping(floor, "gain").get("p")
    return None if p is None else bool(p < SIGNIFICANCE)


def miscalibrations(scores: Figures) -> list[str]:
    """Every calibration claim that the scores refute."""
    found = []
    for key, name, target in _WEAK:
        if contains(scores.get(key), target) is False:
            found.append(f"calibration {name} {estimate(scores[key])} excludes {target:g}")
        days = [day for day, one in _horizons(scores).items() if contains(one.get(key), target) is False]
        if days:
            found.append(f"calibration {name} excludes {target:g} at day {', '.join(days)}")
    null = mapping(scores, "ece_null")
    if null.get("within") is False:
        highest = estimate(null.get("percentile_95"))
        found.append(f"ECE {estimate(scores.get('ece'))} is above its null's 95th percentile, {highest}")
    p = mapping(scores, "d_calibration").get("p")
    if p is not None and p < SIGNIFICANCE:
        found.append(f"D-calibration is refuted ({p_value(p)})")
    return found


def intervals_tested(scores: Figures) -> int:
    """How many intervals of slope and intercept there are."""
    places = [scores, *_horizons(scores).values()]
    return sum(contains(of.get(key), target) is not None for of in places for key, _, target in _WEAK)


def calibrated(endpoint: Endpoint) -> str:
    """Yes, no, or not computed: whether every calibration claim of every part stands."""
    parts = [scores for _, scores in endpoint.scored]
    if not any(intervals_tested(scores) for scores in parts):
        return NOT_COMPUTED
    return "**no**" if any(miscalibrations(scores) for scores in parts) else "yes"


def _horizons(scores: Figures) -> dict[str, Figures]:
    return {day: h for day, h in mapping(scores, "horizons").items() if isinstance(h, dict)}


def coverage(scores: Figures) -> Figures:
    """Coverage of prediction sets or of lower bounds."""
    return mapping(scores, "prediction_sets") or mapping(scores, "lower_bounds")


def findings(source: Source) -> list[str]:
    """Every negative finding of every endpoint, in a sentence each; what a reader must not miss."""
    test = mapping(source.metrics, "test")
    found = [
        f"`{e.spec.id}`{text}."
        for e in source.endpoints
        for text in (*_of_endpoint(e), *_of_test(mapping(test, e.spec.id)))
    ]
    return [*found, *_of_pixels(mapping(mapping(source.metrics, "pixels"), "variants"))]


def _of_pixels(variants: Figures) -> Iterator[str]:
    """What does as well without pixels, or with one number alone."""
    scores = {name: (mapping(variants, name).get("score") or [None])[0] for name in variants}
    shipped, without = scores.get("radiomics and embeddings"), scores.get("radiomics")
    if shipped is None or without is None:
        return
    gain = mapping(mapping(variants, "radiomics and embeddings"), "gain_over_radiomics")
    if not (gain.get("lower") or 0) > 0:
        yield f"Embeddings add nothing that clears noise: AUC {shipped:.3f} with them, {without:.3f} without."
    for name, score in scores.items():
        if name.endswith(" alone") and score is not None and score >= shipped:
            yield f"{words(name).capitalize()} scores {score:.3f}: one number does as well as the model."


def _of_test(found: Figures) -> Iterator[str]:
    """Floors that do better on the test set, beyond what chance allows."""
    floors = mapping(found, "floors")
    for name in floors:
        floor = mapping(floors, name)
        difference = floor.get("difference")
        if difference and difference[2] < 0:
            yield (
                f": on the test set the plain ridge floor `{name}` ({estimate(floor.get('score'))}) is better than the "
                f"model, by {estimate(difference)}; the model was not changed after that"
            )


def _of_endpoint(endpoint: Endpoint) -> Iterator[str]:
    figures = endpoint.figures
    if not figures:
        yield ": no figures were computed"
        return
    for name, floor in endpoint.floors:
        if clears(floor) is False:
            yield (
                f": the gain over the plain ridge floor `{name}` ({estimate(floor.get('score'))}) does not clear "
                f"noise: {gain(mapping(floor, 'gain'))}"
            )
    added = endpoint.baseline_gain
    if added.get("p") is not None and added["p"] >= SIGNIFICANCE:
        yield f": all groups together do not add to the clinical baseline beyond noise: {gain(added)}"
    for part, scores in endpoint.scored:
        who = f", {words(part)}: " if part else ": "
        yield from (f"{who}{text}" for text in miscalibrations(scores))
        covered = coverage(scores)
        if covered.get("contains_nominal") is False:
            nominal, found = covered.get("nominal", 0.9), covered.get("coverage") or [0.0]
            side = "above: wider than they need be" if found[0] > nominal else "below: too narrow"
            yield f"{who}coverage {estimate(found)} does not contain the nominal {nominal:g} (it lies {side})"
    yield from _of_subsets(figures)
    yield from _of_shuffled(figures)


def _of_subsets(figures: Figures) -> Iterator[str]:
    subsets = figures.get("subsets") or []
    lower = [bound for s in subsets if (bound := mapping(s, "difference_to_own").get("lower")) is not None]
    broken = [bound for bound in lower if bound <= MARGIN]
    if broken:
        yield (
            f": for {len(broken)} of {len(lower)} subsets of the groups the one-sided 95 % bound of the difference to "
            f"a model trained on just that subset is not above {MARGIN:g} (lowest {min(broken):+.3f})"
        )


def _of_shuffled(figures: Figures) -> Iterator[str]:
    shuffled = mapping(figures, "shuffled")
    interval = shuffled.get("score") or discrimination(shuffled)
    if contains(interval, 0.5) is False:
        yield f": with shuffled outcomes the score is {estimate(interval)}, which excludes 0.5: something leaks"


def selection(endpoint: Endpoint) -> str:
    """Which candidate won and by how much, and what the others gained."""
    figures = endpoint.figures
    chosen, candidates = figures.get("chosen"), mapping(figures, "candidates")
    if not chosen:
        return "Which candidate was chosen is not recorded."
    others = [
        f"{name} {gain(test)}"
        for name, of in candidates.items()
        if name not in (SIMPLEST, chosen) and (test := mapping(of, "gain_over_linear"))
    ]
    if chosen == SIMPLEST:
        beaten = f" No gain over it clears noise: {'; '.join(others)}." if others else ""
        return f"**{SIMPLEST}** is shipped, the simplest.{beaten}"
    test = mapping(mapping(candidates, chosen), "gain_over_linear")
    return f"**{chosen}** is shipped: its gain over {SIMPLEST} clears noise, {gain(test)}." + (
        f" The others: {'; '.join(others)}." if others else ""
    )
