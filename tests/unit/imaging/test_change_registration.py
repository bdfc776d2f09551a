"""How exactly studies are laid over one another, and that a bad alignment is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.moved_patient import Ball, Motion, Scan
from tumorcast_imaging.model.change import Alignment, Overview, course, overview, register
from tumorcast_imaging.model.change.alignment import judge

LESIONS = (Ball((-40, 20, 0), 12, "Liver metastasis"), Ball((30, -20, 30), 9, "Lung nodule"))
FIRST = Scan("2026-01-01", LESIONS)
MOVED = FIRST.at(day="2026-03-01", motion=Motion(8, (30, 5, -10)), offset_mm=(10, 5, -10), spacing_mm=(5.0, 2.4, 2.4))
"""30 mm to the side and turned by 8°, on another grid, only partly followed by the field of view."""


def errors_mm(alignment: Alignment, scan: Scan, reference: Overview) -> np.ndarray:
    """Distances between where points of the first patient's body were put and where they are."""
    points = reference.points(np.argwhere(reference.body)[::100].astype(float))
    truth = points @ scan.motion.matrix[:3, :3].T + scan.motion.matrix[:3, 3]
    return np.asarray(np.linalg.norm(alignment.forward(points) - truth, axis=1))


def test_a_known_motion_is_found_within_a_millimeter() -> None:
    earlier, later = overview(FIRST.volume), overview(MOVED.volume)
    found = register(earlier, later)
    assert not found.failed
    assert errors_mm(found, MOVED, earlier).mean() < 0.5
    assert errors_mm(found, MOVED, earlier).max() < 1.0
    assert found.uncertainty_mm < 6
    assert np.allclose(found.backward(found.forward(np.eye(3))), np.eye(3))
    again = register(earlier, later)
    assert np.array_equal(found.matrix, again.matrix)  # to the bit


def test_another_patient_is_not_aligned() -> None:
    found = register(overview(FIRST.volume), overview(FIRST.at(patient=2).volume))
    assert found.failed
    assert found.uncertainty_mm == np.inf


def test_noise_and_emptiness_are_not_aligned() -> None:
    earlier = overview(FIRST.volume)
    noise = np.random.default_rng(3).normal(0, 30, earlier.array.shape).astype(np.float32)
    assert register(earlier, replace(earlier, array=noise)).failed
    assert register(earlier, replace(earlier, array=np.zeros_like(noise))).failed


def test_volumes_that_lie_far_apart_are_brought_together() -> None:
    far = FIRST.at(day="2026-03-01", motion=Motion(0, (0, 0, 1500)), offset_mm=(0, 0, 1500))
    earlier = overview(FIRST.volume)
    found = register(earlier, overview(far.volume))
    assert not found.failed
    assert errors_mm(found, far, earlier).max() < 1.0


def test_one_frame_of_reference_is_taken_only_if_the_anatomy_agrees() -> None:
    earlier = overview(FIRST.volume)
    assert not judge(earlier, overview(FIRST.at(day="2026-03-01").volume)).failed
    assert judge(earlier, overview(MOVED.volume)).failed
    found = course([FIRST.at(frame="1.2.3").drawn(), MOVED.at(frame="1.2.3").drawn()])
    assert [how.method for *_, how in found.alignments] == ["registration"]
    assert "FRAME_OF_REFERENCE_DOUBTED" in {issue.code for issue in found.issues}
    assert [[s and s.status for s in x.sightings] for x in found.lesions] == [["FIRST", "MATCHED"]] * 2


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.7, 0.7), (5.0, 1.2, 1.2), (3.5, 3.5, 3.5)])
def test_an_overview_lies_where_its_volume_lies(spacing_mm: tuple[float, float, float]) -> None:
    scan = FIRST.at(spacing_mm=spacing_mm, extent_mm=(40.0, 60.0, 60.0), patient=4)
    reduced = overview(scan.volume)
    assert reduced.spacing_mm.max() <= 5.0
    ramp = replace(scan.volume, unit="arbitrary", array=np.asarray(scan.anatomy @ (1.0, 2.0, 3.0), np.float32))
    values = overview(ramp).sample(points := reduced.points(np.array([[3.0, 5.0, 7.0], [2.5, 4.0, 6.2]])))
    assert values == pytest.approx(points @ (1.0, 2.0, 3.0), abs=1e-2)
