"""The simulated process keeps its own laws."""

import numpy as np
import pytest

from tumorcast_training.simulator import oracle, process
from tumorcast_training.simulator.patient import draw_patient


@pytest.fixture(scope="module")
def traits() -> process.Traits:
    return process.draw_traits(np.random.default_rng(0), 4000)


def test_the_correlation_of_traits_is_a_correlation_matrix() -> None:
    assert np.linalg.eigvalsh(process.CORRELATION).min() > 0.1
    assert (process.CORRELATION == process.CORRELATION.T).all()


def test_drawn_traits_have_the_written_down_moments(traits: process.Traits) -> None:
    for name, p in process.DISCRETE.items():
        assert traits[name].mean() == pytest.approx(process.expectation(name), abs=0.06), name
        assert len(np.unique(traits[name])) == len(p)
    assert np.corrcoef(traits["albumin"], traits["hemoglobin"])[0, 1] == pytest.approx(0.35, abs=0.06)


def test_size_starts_at_baseline_and_stays_positive(traits: process.Traits) -> None:
    size = process.relative_size(traits, np.array([0.0, 28.0, 1000.0]))
    assert size[:, 0] == pytest.approx(1)
    assert (size > 0).all()


def test_a_pure_killer_responds_and_a_pure_grower_progresses_at_the_first_ct() -> None:
    traits = {k: v[:2].copy() for k, v in process.draw_traits(np.random.default_rng(1), 2).items()}
    traits["kill_noise"][:] = [5, -20]
    traits["resistance_noise"][:] = [-20, 20]
    traits["growth_noise"][:] = [-20, 5]
    responded, days = process.outcomes(traits, np.array([5000.0, 5000.0]), np.array([5000.0, 5000.0]))
    assert responded.tolist() == [1, 0]
    assert days[0] > 1000
    assert days[1] == 84 - process.INDEX_DAY


def test_a_new_lesion_is_seen_at_the_next_ct_and_death_at_once(traits: process.Traits) -> None:
    one = {k: v[:1].copy() for k, v in traits.items()}
    one["resistance_noise"][:] = -20
    _, days = process.outcomes(one, np.array([5000.0]), np.array([100.0]))
    assert days[0] == 140 - process.INDEX_DAY
    _, days = process.outcomes(one, np.array([90.0]), np.array([100.0]))
    assert days[0] == 90 - process.INDEX_DAY


def test_the_same_seed_gives_the_same_patient_and_another_seed_another() -> None:
    first, again, other = draw_patient(3, 5), draw_patient(3, 5), draw_patient(4, 5)
    assert first.pfs_days == again.pfs_days
    assert first.trait("ldh") == again.trait("ldh") != other.trait("ldh")


def test_a_complete_patient_lacks_nothing() -> None:
    for number in range(20):
        patient = draw_patient(9, number, complete=True)
        assert not patient.missing
        assert not patient.not_measured


def test_missingness_is_informative(traits: process.Traits) -> None:
    p = process.missing_probability(traits)
    assert np.corrcoef(p["genomics"], traits["weight_loss"])[0, 1] > 0.3
    assert np.corrcoef(p["ct_follow_up"], traits["resistance_noise"])[0, 1] > 0.3


def test_the_oracle_is_calibrated_and_beats_the_prior() -> None:
    patients = [draw_patient(11, number) for number in range(400)]
    best = [oracle.posterior(p.observed(), np.random.default_rng(i), 1000) for i, p in enumerate(patients)]
    p = np.array([b.response for b in best])
    y = np.array([float(patient.responded) for patient in patients])
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        chosen = (p >= low) & (p < high)
        sd = np.sqrt((p[chosen] * (1 - p[chosen])).sum())
        assert abs((y - p)[chosen].sum()) < 4 * sd + 0.5
    assert ((y - p) ** 2).mean() < 0.8 * y.var()
    assert np.median([b.effective_draws for b in best]) > 100


def test_the_oracle_without_observations_gives_the_prior() -> None:
    everything = frozenset(oracle.TRAITS_OF_GROUP) - {"clinical", "therapy"}
    blind = oracle.posterior(oracle.Observed({}, everything, None), np.random.default_rng(0), 20000)
    rng = np.random.default_rng(1)
    traits = process.draw_traits(rng, 20000)
    weight = np.exp(-process.INDEX_DAY * process.hazards_per_day(traits)[0])
    for probability in (v for g, v in process.missing_probability(traits).items() if g in everything):
        weight = weight * probability
    responded, _ = process.outcomes(traits, *process.draw_event_days(rng, traits))
    assert blind.response == pytest.approx(np.average(responded, weights=weight), abs=0.03)


def test_one_more_observed_group_never_blinds_the_oracle_on_average() -> None:
    patients = [draw_patient(12, number, complete=True) for number in range(300)]
    y = np.array([float(p.responded) for p in patients])
    losses = []
    for hidden in (("ct_baseline", "ct_follow_up", "labs"), ("labs",), ()):
        known = {t for g, names in oracle.TRAITS_OF_GROUP.items() if g not in hidden for t in names}
        p = np.empty(len(patients))
        for i, patient in enumerate(patients):
            full = patient.observed()
            seen = oracle.Observed(
                {k: v for k, v in full.traits.items() if k in known},
                full.missing,
                full.follow_up_diameter_mm if "ct_follow_up" not in hidden else None,
            )
            p[i] = oracle.posterior(seen, np.random.default_rng(i), 1000).response
        losses.append(((y - p) ** 2).mean())
    assert losses[0] > losses[1] > losses[2]
