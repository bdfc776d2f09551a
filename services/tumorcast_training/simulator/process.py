"""The written-down process that makes simulated patients. Fixed before any model was trained on it.

Day 0 is the start of therapy. A baseline CT precedes it, an early CT follows on day 28: the **index date**, time zero
of every prediction. Restaging CTs follow every 56 days.

1. *Traits.* Discrete traits are independent with the probabilities in ``DISCRETE``. Continuous traits are Gaussian with
   unit variance, correlation ``CORRELATION`` and a mean that the discrete traits shift (``MEAN_SHIFT``).
2. *Kinetics.* The sum of diameters follows the growth-kill model with a resistant fraction, after Stein et al.
   (Clin Cancer Res 2011, 17:907): ``S(t) / S(0) = (1 - f) exp(-k t) + f exp(g t)``. ``k``, ``f`` and ``g`` depend on
   the traits and on noise that nobody observes (``kinetics``).
3. *Events.* Death and new lesions have constant hazards that depend on the traits (``hazards_per_day``). Progression is
   RECIST 1.1: a new lesion, or >= 20 % and >= 5 mm over the nadir, seen only at the next restaging CT. Death without
   progression competes with it; progression-free survival ends at whichever comes first.
4. *Response* is a sum of diameters <= 70 % of baseline at the CT of day 84 or 140, before progression and death.
5. *Missingness* depends on the traits and, for the early CT, on the unobserved resistance (``missing_probability``).

Every modality carries signal that no other has: imaging (necrosis, margin, early change: beyond size), labs (LDH,
albumin), notes (weight loss, ascites), genomics (KRAS, TMB), clinical (stage, ECOG), therapy (class). Necrosis × NLR
crosses image and labs; TMB × immunotherapy crosses genomics and therapy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Traits = dict[str, Array]
"""Trait name → values of n patients, shape (n,)."""

INDEX_DAY = 28
RESTAGING_DAYS = np.arange(84, 84 + 56 * 20, 56)
RESPONSE_DAYS = (84, 140)
RESPONSE_RATIO = 0.7
FOLLOW_UP_NOISE = 0.06
"""SD of the log apparent diameter at the early CT: breathing, edema, phase of contrast."""
BASELINE_DIAMETER_MM = 45.0
BASELINE_LOG_SD = 0.28

THERAPIES = ("chemotherapy", "immunotherapy", "chemoimmunotherapy")

DISCRETE: Mapping[str, tuple[float, ...]] = {
    "male": (0.5, 0.5),
    "stage_iv": (0.45, 0.55),
    "ecog": (0.40, 0.40, 0.20),
    "therapy": (0.36, 0.32, 0.32),
    "kras": (0.60, 0.40),
    "weight_loss": (0.60, 0.40),
    "ascites": (0.65, 0.35),
    "pain": (0.55, 0.45),
}
CONTINUOUS = ("size", "necrosis", "spiculation", "ldh", "nlr", "albumin", "hemoglobin", "tmb", "age")
NOISE = ("kill_noise", "resistance_noise", "growth_noise")

_PAIRS = {
    ("size", "ldh"): 0.35,
    ("size", "necrosis"): 0.25,
    ("necrosis", "ldh"): 0.15,
    ("ldh", "nlr"): 0.20,
    ("nlr", "albumin"): -0.25,
    ("albumin", "hemoglobin"): 0.35,
    ("albumin", "age"): -0.15,
}
CORRELATION = np.eye(len(CONTINUOUS))
for (_a, _b), _r in _PAIRS.items():
    _i, _j = CONTINUOUS.index(_a), CONTINUOUS.index(_b)
    CORRELATION[_i, _j] = CORRELATION[_j, _i] = _r

MEAN_SHIFT: Mapping[str, Mapping[str, float]] = {
    "albumin": {"ecog": -0.25, "weight_loss": -0.30, "ascites": -0.20},
    "size": {"stage_iv": 0.30},
    "nlr": {"ecog": 0.20},
}


def expit(x: Array) -> Array:
    """Logistic function."""
    out: Array = 1.0 / (1.0 + np.exp(-x))
    return out


def continuous_mean(traits: Traits) -> Array:
    """Mean of the continuous traits given the discrete ones, shape (n, 9)."""
    n = len(traits["ecog"])
    mean = np.zeros((n, len(CONTINUOUS)))
    for name, shifts in MEAN_SHIFT.items():
        for cause, shift in shifts.items():
            mean[:, CONTINUOUS.index(name)] += shift * (traits[cause] - expectation(cause))
    return mean


def expectation(discrete: str) -> float:
    """Expected value of a discrete trait."""
    return float(sum(value * p for value, p in enumerate(DISCRETE[discrete])))


def draw_discrete(rng: np.random.Generator, n: int) -> Traits:
    """Draw the discrete traits of n patients."""
    return {name: rng.choice(len(p), n, p=p).astype(float) for name, p in DISCRETE.items()}


def draw_traits(rng: np.random.Generator, n: int) -> Traits:
    """Draw all traits of n patients, the unobserved noise among them."""
    traits = draw_discrete(rng, n)
    continuous = continuous_mean(traits) + rng.multivariate_normal(np.zeros(len(CONTINUOUS)), CORRELATION, n)
    traits |= {name: continuous[:, i] for i, name in enumerate(CONTINUOUS)}
    traits |= {name: rng.standard_normal(n) for name in NOISE}
    return traits


def kinetics(t: Traits) -> tuple[Array, Array, Array]:
    """Kill rate k and growth rate g per day, and resistant fraction f, each (n,)."""
    chemo = (t["therapy"] != 1).astype(float)
    immune = (t["therapy"] != 0).astype(float)
    both = chemo * immune
    log_kill = (
        np.log(0.0066)
        + 0.80 * both
        + 0.70 * immune * t["tmb"]
        - 0.30 * t["necrosis"]
        - 0.40 * t["necrosis"] * t["nlr"]
        - 0.60 * chemo * (t["kras"] - expectation("kras"))
        - 0.80 * (t["weight_loss"] - expectation("weight_loss"))
        - 0.60 * (t["stage_iv"] - expectation("stage_iv"))
        + 0.35 * t["kill_noise"]
    )
    logit_resistant = (
        -1.7
        + 1.0 * (t["kras"] - expectation("kras"))
        + 1.0 * (t["stage_iv"] - expectation("stage_iv"))
        + 0.6 * t["spiculation"]
        + 0.7 * t["ldh"]
        + 1.1 * (t["ascites"] - expectation("ascites"))
        + 0.50 * t["resistance_noise"]
    )
    log_growth = (
        np.log(0.0068)
        - 0.80 * immune
        + 0.30 * (t["kras"] - expectation("kras"))
        + 0.25 * t["spiculation"]
        + 0.30 * t["ldh"]
        + 0.40 * (t["ascites"] - expectation("ascites"))
        + 0.30 * t["growth_noise"]
    )
    return np.exp(log_kill), np.exp(log_growth), expit(logit_resistant)


def hazards_per_day(t: Traits) -> tuple[Array, Array]:
    """Hazards of death and of a new lesion per day, each (n,)."""
    death = np.exp(
        np.log(1 / 1100)
        + 0.80 * (t["ecog"] - expectation("ecog"))
        - 0.55 * t["albumin"]
        + 0.40 * t["age"]
        + 0.40 * (t["weight_loss"] - expectation("weight_loss"))
    )
    new_lesion = np.exp(
        np.log(1 / 600)
        + 1.00 * (t["stage_iv"] - expectation("stage_iv"))
        + 0.30 * t["spiculation"]
        - 0.40 * t["tmb"]
        - 0.70 * (t["therapy"] != 0)
    )
    return death, new_lesion


def baseline_diameter_mm(t: Traits) -> Array:
    """Sum of diameters at baseline in mm, (n,)."""
    out: Array = BASELINE_DIAMETER_MM * np.exp(BASELINE_LOG_SD * t["size"])
    return out


def relative_size(t: Traits, days: Array) -> Array:
    """Sum of diameters over its baseline on ``days`` of shape (d,), result (n, d)."""
    kill, growth, resistant = (x[:, None] for x in kinetics(t))
    out: Array = (1 - resistant) * np.exp(-kill * days) + resistant * np.exp(growth * days)
    return out


def draw_event_days(rng: np.random.Generator, t: Traits) -> tuple[Array, Array]:
    """Days of death (after the index day: the patient is alive then) and of the first new lesion, each (n,)."""
    death, new_lesion = hazards_per_day(t)
    n = len(death)
    return INDEX_DAY + rng.exponential(1 / death, n), rng.exponential(1 / new_lesion, n)


def outcomes(t: Traits, death_day: Array, new_lesion_day: Array) -> tuple[Array, Array]:
    """Response (0 or 1) and progression-free survival in days since the index day, each (n,)."""
    size = relative_size(t, RESTAGING_DAYS.astype(float))
    early = relative_size(t, np.array([float(INDEX_DAY)]))
    earlier = np.concatenate([np.minimum(early, 1.0), size[:, :-1]], axis=1)
    nadir = np.minimum.accumulate(earlier, axis=1)
    grown = (size >= 1.2 * nadir) & ((size - nadir) * baseline_diameter_mm(t)[:, None] >= 5)
    progressed = grown | (new_lesion_day[:, None] <= RESTAGING_DAYS)
    first = np.where(progressed.any(axis=1), RESTAGING_DAYS[progressed.argmax(axis=1)], np.inf)
    end = np.minimum(first, death_day)
    responded = np.zeros(len(end), dtype=bool)
    for day in RESPONSE_DAYS:
        responded |= (size[:, day == RESTAGING_DAYS][:, 0] <= RESPONSE_RATIO) & (end > day)
    return responded.astype(float), end - INDEX_DAY


def missing_probability(t: Traits) -> dict[str, Array]:
    """Probability that an input group is missing, each (n,); clinical and therapy never are."""
    sick = t["ecog"] - expectation("ecog")
    zero = np.zeros_like(sick)
    return {
        "ct_baseline": expit(zero - 3.0),
        "ct_follow_up": expit(-2.2 + 0.8 * sick + 0.6 * t["resistance_noise"]),
        "labs": expit(zero - 2.8),
        "notes": expit(-2.4 + 0.6 * sick),
        "genomics": expit(-1.7 + 1.0 * (t["weight_loss"] - expectation("weight_loss")) + 0.5 * t["age"]),
    }
