"""Laws: Shapley values by definition, survival curves monotone, absent groups without effect."""

from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.fusion import MANIFEST, write_tiny_model
from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model import ModelStore
from tumorcast_fusion.model.manifest import reference
from tumorcast_fusion.model.network import FusionNetwork
from tumorcast_fusion.model.outputs import day_of_survival
from tumorcast_fusion.model.shapley import shapley_values, subsets
from tumorcast_fusion.model.tabular.links import survival_at


@given(st.integers(0, 4).flatmap(lambda m: arrays(float, 2**m, elements=st.floats(-1, 1))))
def test_shapley_values_equal_the_mean_gain_over_all_orders(values: np.ndarray) -> None:
    players = int(np.log2(len(values)))
    expected = np.zeros(players)
    for order in permutations(range(players)):
        seen = 0
        for k in order:
            expected[k] += values[seen | (1 << k)] - values[seen]
            seen |= 1 << k
    assert shapley_values(values) == pytest.approx(expected / factorial(players), abs=1e-12)


def test_subsets_are_all_subsets_of_the_present_groups() -> None:
    rows = subsets(np.array([True, False, True]))
    assert {tuple(r) for r in rows.tolist()} == {(a, False, c) for a in (False, True) for c in (False, True)}
    assert rows[-1].tolist() == [True, False, True]


hazards = arrays(float, 6, elements=st.floats(0, 3))


@given(hazards, st.lists(st.floats(0, 168), min_size=1, max_size=5))
def test_survival_starts_at_one_and_never_rises(hazard: np.ndarray, days: list[float]) -> None:
    curve = survival_at(hazard.cumsum(), MANIFEST.edges_days, [0.0, *sorted(days)])
    assert curve[0] == 1
    assert (np.diff(curve) <= 1e-12).all()
    assert ((curve >= 0) & (curve <= 1)).all()


@given(hazards)
def test_survival_at_the_median_is_one_half(hazard: np.ndarray) -> None:
    median = day_of_survival(hazard.cumsum(), MANIFEST.edges_days, 0.5)
    last = survival_at(hazard.cumsum(), MANIFEST.edges_days, [168.0])[0]
    if median is None:
        assert last > 0.5
    else:
        assert survival_at(hazard.cumsum(), MANIFEST.edges_days, [median])[0] == pytest.approx(0.5)


@given(st.integers(0, 3), st.integers(0, 2**16))
def test_values_of_an_absent_group_have_no_effect(group: int, seed: int) -> None:
    torch.manual_seed(seed)
    network = FusionNetwork(MANIFEST).eval()
    rows = torch.randn(2, network.slices[-1].stop)
    rows[1] = rows[0]
    rows[1, network.slices[group]] = 99.0
    present = torch.ones(2, 4, dtype=torch.bool)
    present[:, group] = False
    logit, hazard = network(rows, present)
    torch.testing.assert_close(logit[0], logit[1])
    torch.testing.assert_close(hazard[0], hazard[1])


@pytest.mark.parametrize("name", ["", "none", "../tiny", "TINY", "tiny/", "t" * 100])
def test_an_unknown_or_crooked_name_is_no_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownModel):
        ModelStore(write_tiny_model(tmp_path)).get(name)


@pytest.mark.parametrize(
    ("file", "content"),
    [("manifest.yaml", b"a: ["), ("manifest.yaml", b"name: tiny"), ("fusion.safetensors", b"junk")],
)
def test_a_broken_model_is_refused_by_name(tmp_path: Path, file: str, content: bytes) -> None:
    store = ModelStore(write_tiny_model(tmp_path))
    (tmp_path / "tiny" / file).write_bytes(content)
    with pytest.raises(UnknownModel):
        store.get("tiny")


def test_the_digest_changes_with_the_weights(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path) / "tiny"
    before = reference(folder, MANIFEST)
    weights = folder / "fusion.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert reference(folder, MANIFEST).sha256 != before.sha256
