"""Every adversarial case is right or refused with its reason; no voxel that comes out is wrong."""

from pathlib import Path

import numpy as np
import pytest

from support.adversarial import CASES, Case, judge
from support.adversarial.composer import Composition, compose
from support.peers import found_in
from tumorcast_imaging.dicom import StudyVolumes, read_study
from tumorcast_imaging.dicom.reasons import CODES

EXACT = {case.name: case for case in CASES}


def said(study: StudyVolumes) -> set[str]:
    return {issue.code for issue in study.issues} | {file.code for file in study.ignored}


def test_there_are_many_cases_and_each_has_its_own_name():
    assert len(EXACT) == len(CASES) >= 200


@pytest.mark.parametrize("case", CASES, ids=str)
def test_series_is_right_or_refused_with_its_reason(case: Case, tmp_path: Path):
    truth = case.write(tmp_path)
    study = read_study(tmp_path)
    verdict, detail = judge(case, found_in(study), truth)
    assert verdict != "wrong", detail
    if case.kind == "sound":
        assert verdict == "right", sorted(said(study))
        assert set(case.codes) <= said(study)
    else:
        assert set(case.codes) & said(study), sorted(said(study))


@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "split"], ids=str)
def test_series_of_several_volumes_is_split_into_parts_that_say_so(case: Case, tmp_path: Path):
    truth = case.write(tmp_path)
    study = read_study(tmp_path)
    if not study.volumes and set(case.codes) - {"SPLIT_SERIES"}:
        return  # nothing tells the parts apart well enough, and the first test has seen the reason
    assert sorted(v.array.shape for v in study.volumes) == sorted(p.shape for p in truth.parts)
    assert sorted(v.part for v in study.volumes) == list(range(1, len(truth.parts) + 1))
    assert all("SPLIT_SERIES" in {p.code for p in v.problems} for v in study.volumes)


def test_every_expected_code_is_one_the_gate_can_give():
    unknown = {code for case in CASES for code in case.codes} - CODES
    assert not unknown


@pytest.mark.parametrize("seed", range(60))
def test_random_composition_is_right_or_refused(seed: int, tmp_path: Path):
    composition: Composition = compose(np.random.default_rng(seed))
    truth = composition.case.write(tmp_path)
    study = read_study(tmp_path)
    verdict, detail = judge(composition.case, found_in(study), truth)
    assert verdict != "wrong", f"{composition.case.name}: {detail}"
    if composition.case.kind == "sound":
        assert verdict == "right", f"{composition.case.name}: {sorted(said(study))}"
    else:
        assert study.problems or study.ignored, composition.case.name


def test_judge_sees_a_flip_a_shift_a_gap_and_a_swap(tmp_path: Path):
    case = EXACT["shuffled names"]
    truth = case.write(tmp_path)
    (volume,) = found_in(read_study(tmp_path))
    for axis in range(3):
        flipped = type(volume)(np.flip(volume.array, axis), volume.affine_lps)
        assert judge(case, [flipped], truth)[0] == "wrong"
        shifted = volume.affine_lps.copy()
        shifted[:3, 3] += 0.2 * shifted[:3, axis]
        assert judge(case, [type(volume)(volume.array, shifted)], truth)[0] == "wrong"
        stretched = volume.affine_lps.copy()
        stretched[:3, axis] *= 1.02
        assert judge(case, [type(volume)(volume.array, stretched)], truth)[0] == "wrong"
    turned = volume.affine_lps[:, [2, 1, 0, 3]]
    assert judge(case, [type(volume)(volume.array.T, turned)], truth)[0] == "right"
    assert judge(case, [type(volume)(volume.array[:-1], volume.affine_lps)], truth)[0] == "wrong"
    assert judge(case, [type(volume)(volume.array, volume.affine_lps, "arbitrary")], truth)[0] == "wrong"
