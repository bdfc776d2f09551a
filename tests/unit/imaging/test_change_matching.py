"""Which lesion is which: phantoms of known lesions and motion, laid over one another by the known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.moved_patient import Ball, Motion, Scan, known
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.change import Alignment, Course, Status, course
from tumorcast_imaging.model.change.pairing import Kind, pair
from tumorcast_imaging.model.change.place import Place, place

LIVER = Ball((-40, 20, 0), 12, "Liver metastasis")
LUNG = Ball((30, -20, 30), 9, "Lung nodule")
NODE = Ball((50, 20, -40), 9, "Lymph node, axilla")
MOVED = {"motion": Motion(8, (30, 5, -10)), "offset_mm": (30, 5, -10), "spacing_mm": (3.0, 2.5, 2.5)}
BASELINE = Scan("2026-01-01", (LIVER, LUNG, NODE))


def followed(earlier: Scan, later: Scan, uncertainty_mm: float = 3.0) -> Course:
    return course([later.drawn(), earlier.drawn()], known(earlier, later, uncertainty_mm=uncertainty_mm))


def statuses(found: Course, visit: int = 1) -> dict[str, Status]:
    """Status by label and, where a label stands twice, number of the lesion."""
    return {
        f"{lesion.label} {lesion.lesion_id}": sighting.status
        for lesion in found.lesions
        if (sighting := lesion.sightings[visit]) is not None
    }


def codes(found: Course) -> set[str]:
    return {issue.code for issue in found.issues}


def test_lesions_are_found_again_where_the_patient_moved_and_the_grid_is_another() -> None:
    found = followed(BASELINE, BASELINE.at(day="2026-03-01", **MOVED))
    assert set(statuses(found).values()) == {Status.MATCHED}
    assert [lesion.label for lesion in found.lesions] == ["Liver metastasis", "Lymph node, axilla", "Lung nodule"]
    for lesion in found.lesions:
        assert lesion.sightings[1] is not None
        assert lesion.sightings[1].parts[0].lesion.region.label == lesion.label
        change = lesion.measured[1].from_baseline["volume_ml"]
        assert change.percent == pytest.approx(0, abs=6)  # voxels of 36 against 19 mm³
    assert "AMBIGUOUS_MATCH" not in codes(found)


def test_an_identical_study_changes_nothing() -> None:
    again = BASELINE.at(day="2026-03-01", frame="1.2.3")
    found = course([BASELINE.at(frame="1.2.3").drawn(), again.drawn()])
    assert set(statuses(found).values()) == {Status.MATCHED}
    for lesion in found.lesions:
        changes = [lesion.measured[1].from_baseline, lesion.measured[1].from_nadir]
        assert [change.percent for both in changes for change in both.values()] == [0.0] * 6
        assert lesion.measured[1].growth_percent_per_day == 0
        assert lesion.measured[1].doubling_days is None
    assert [how.method for *_, how in found.alignments] == ["frame_of_reference"]
    assert [response.overall for response in found.responses] == ["SD"]


def test_a_lesion_that_broke_up_is_split_and_its_parts_are_added() -> None:
    parts = (Ball((-46, 20, 0), 5, "part"), Ball((-34, 20, 0), 5, "part"))
    found = followed(BASELINE, Scan("2026-03-01", (*parts, LUNG, NODE), **MOVED))
    split = next(lesion for lesion in found.lesions if lesion.label == LIVER.label)
    assert split.sightings[1] is not None
    assert split.sightings[1].status is Status.SPLIT
    alone = [part.lesion.size.longest_diameter_mm for part in split.sightings[1].parts]
    assert len(alone) == 2
    assert split.measured[1].values is not None
    assert split.measured[1].values["longest_diameter_mm"] == pytest.approx(sum(alone))
    assert not any(lesion.role == "NEW" for lesion in found.lesions)


def test_lesions_that_grew_into_one_are_merged_and_the_larger_goes_on() -> None:
    beside = Ball((-18, 20, 0), 6, "Liver, small")
    whole = Ball((-34, 20, 0), (23, 13, 13), "Liver metastasis")
    found = followed(Scan("2026-01-01", (beside, LIVER, LUNG)), Scan("2026-03-01", (LUNG, whole), **MOVED))
    host, small = (next(x for x in found.lesions if x.label == label) for label in (LIVER.label, beside.label))
    assert host.sightings[1] is not None
    assert small.sightings[1] is not None
    assert (host.sightings[1].status, small.sightings[1].status) == (Status.MATCHED, Status.MERGED)
    assert small.sightings[1].merged_into == host.number
    assert found.recist is not None
    assert host.measured[1].values is not None
    lung = next(x for x in found.lesions if x.label == LUNG.label)
    assert lung.measured[1].values is not None
    both = host.measured[1].values["longest_diameter_mm"] + lung.measured[1].values["longest_diameter_mm"]
    assert found.recist.sums_mm[1] == pytest.approx(both)


def test_new_and_vanished_lesions_are_told() -> None:
    new = Ball((0, 50, 40), 7, "Liver, new")
    found = followed(BASELINE, Scan("2026-03-01", (new, LUNG, NODE), **MOVED))
    assert {name[:-3]: status for name, status in statuses(found).items()} == {
        LIVER.label: Status.NOT_DRAWN,
        LUNG.label: Status.MATCHED,
        NODE.label: Status.MATCHED,
        new.label: Status.NEW,
    }
    gone = next(lesion for lesion in found.lesions if lesion.label == LIVER.label)
    assert gone.measured[1].values == {"longest_diameter_mm": 0, "short_axis_mm": 0, "volume_ml": 0}
    assert gone.measured[1].from_baseline["volume_ml"].percent == -100
    assert [response.overall for response in found.responses] == ["PD"]
    assert "LESION_NOT_DRAWN" in codes(found)


def test_a_lesion_outside_the_field_of_view_is_not_evaluated_rather_than_gone() -> None:
    later = Scan("2026-03-01", (LIVER, LUNG), extent_mm=(70.0, 180.0, 240.0), offset_mm=(0, 0, 20))
    found = followed(BASELINE, later)
    node = next(lesion for lesion in found.lesions if lesion.label == NODE.label)
    assert node.sightings[1] is not None
    assert node.sightings[1].status is Status.NOT_COVERED
    assert node.measured[1].values is None
    assert [response.overall for response in found.responses] == ["NE"]


def test_a_lesion_that_is_missing_where_not_all_could_be_read_is_neither_gone_nor_new() -> None:
    fewer = Scan("2026-03-01", (LIVER, NODE))
    unread = replace(fewer.drawn(), complete=False)
    later = course([BASELINE.drawn(), unread], known(BASELINE, fewer))
    assert statuses(later)["Lung nodule L3"] is Status.NOT_COMPARED
    first = replace(unread, date="2025-12-01")
    earlier = course([first, BASELINE.drawn()], known(fewer, BASELINE))
    assert statuses(earlier)["Lung nodule L3"] is Status.NOT_COMPARED
    assert {"LESION_NOT_COMPARED"} <= codes(later) & codes(earlier)


def test_a_new_lesion_where_nobody_looked_before_says_so() -> None:
    earlier = Scan("2026-01-01", (LIVER, LUNG), extent_mm=(70.0, 180.0, 240.0), offset_mm=(0, 0, 20))
    found = followed(earlier, BASELINE.at(day="2026-03-01"))
    assert [response.overall for response in found.responses] == ["PD"]
    assert "NEW_LESION_NOT_COVERED_BEFORE" in codes(found)


@pytest.mark.parametrize(
    ("between_mm", "shift_mm", "expected"),
    [
        (24.0, 2.0, {Status.MATCHED}),  # neighbors that look alike, but far from one another
        (14.0, 0.0, {Status.MATCHED}),
        (12.0, 6.0, {Status.AMBIGUOUS}),  # halfway between the two
    ],
)
def test_lesions_that_look_alike_are_matched_only_where_one_answer_stands_out(
    between_mm: float, shift_mm: float, expected: set[Status]
) -> None:
    first, second = Ball((0, 0, 0), 4, "Liver 1"), Ball((between_mm, 0, 0), 4, "Liver 2")
    left = Ball((shift_mm, 0, 0), 4, "Liver")
    later = (left,) if expected == {Status.AMBIGUOUS} else (left, Ball((between_mm + shift_mm, 0, 0), 4, "Liver b"))
    found = followed(Scan("2026-01-01", (first, second)), Scan("2026-03-01", later))
    assert set(statuses(found).values()) == expected


def test_an_ambiguous_lesion_has_its_candidates_and_no_change() -> None:
    first, second = Ball((0, 0, 0), 4, "Liver 1"), Ball((12, 0, 0), 4, "Liver 2")
    found = followed(Scan("2026-01-01", (first, second, LUNG)), Scan("2026-03-01", (Ball((6, 0, 0), 4, "Liver"), LUNG)))
    unsure = [lesion for lesion in found.lesions if lesion.label != LUNG.label]
    assert len(unsure) == 2  # the lesion of the later study starts no track of its own
    for lesion in unsure:
        assert lesion.sightings[1] is not None
        assert lesion.measured[1].values is None
        assert [part.lesion.region.label for part in lesion.sightings[1].candidates] == ["Liver"]
    assert [response.non_target for response in found.responses] == ["NE"]  # below 10 mm
    assert sum(issue.code == "AMBIGUOUS_MATCH" for issue in found.issues) == 2


def test_a_tracking_uid_outweighs_place() -> None:
    first = Scan("2026-01-01", (Ball((0, 0, 0), 5, "Liver", "1.2.1"), Ball((12, 0, 0), 5, "Liver", "1.2.2")))
    second = Scan("2026-03-01", (Ball((0, 0, 0), 5, "Liver", "1.2.2"), Ball((12, 0, 0), 5, "Liver", "1.2.1")))
    found = followed(first, second)
    for lesion in found.lesions:
        before, after = lesion.sightings
        assert before is not None
        assert after is not None
        assert before.parts[0].lesion.region.tracking_uid == after.parts[0].lesion.region.tracking_uid
        assert (after.status, after.method) == (Status.MATCHED, "tracking_uid")
    assert found.alignments == ()  # nothing was left to look for


def test_regions_of_one_tracking_uid_are_parts_of_one_lesion() -> None:
    parts = (Ball((-46, 20, 0), 5, "Liver", "1.2.1"), Ball((-34, 20, 0), 5, "Liver", "1.2.1"))
    found = followed(Scan("2026-01-01", (Ball((-40, 20, 0), 12, "Liver", "1.2.1"),)), Scan("2026-03-01", parts))
    assert statuses(found) == {"Liver L1": Status.SPLIT}


def test_a_part_without_the_tracking_uid_of_its_whole_is_no_new_lesion() -> None:
    before = Scan("2026-01-01", (Ball((-40, 20, 0), 12, "Liver", "1.2.1"),))
    parts = (Ball((-46, 20, 0), 5, "Liver", "1.2.1"), Ball((-34, 20, 0), 5, "Liver", "1.2.9"))
    found = followed(before, Scan("2026-03-01", parts))
    assert statuses(found) == {"Liver L1": Status.MATCHED, "Liver L2": Status.NEW}
    assert "NEW_LESION_BESIDE_KNOWN" in codes(found)
    assert [response.overall for response in found.responses] == ["PR"]  # equivocal: no progression


def test_a_lesion_that_was_once_not_drawn_is_found_again() -> None:
    scans = (BASELINE, Scan("2026-02-01", (LIVER, NODE)), BASELINE.at(day="2026-03-01", **MOVED))
    found = course([scan.drawn() for scan in scans], known(*scans))
    lung = next(lesion for lesion in found.lesions if lesion.label == LUNG.label)
    assert [s.status for s in lung.sightings if s] == [Status.FIRST, Status.NOT_DRAWN, Status.MATCHED]
    assert len(found.lesions) == 3


def test_studies_that_cannot_be_aligned_are_not_compared_but_tracking_uids_are() -> None:
    tracked = Ball((-40, 20, 0), 12, "Liver metastasis", "1.2.1")
    scans = Scan("2026-01-01", (tracked, LUNG)), Scan("2026-03-01", (tracked, LUNG))
    failed = Alignment(method="registration", failed="BODIES_DIFFER", uncertainty_mm=np.inf)
    found = course([scan.drawn() for scan in scans], lambda *_: failed)
    assert [(x.label, [s and s.status for s in x.sightings]) for x in found.lesions] == [
        ("Liver metastasis", [Status.FIRST, Status.MATCHED]),
        ("Lung nodule", [Status.FIRST, Status.NOT_COMPARED]),
        ("Lung nodule", [None, Status.NOT_COMPARED]),
    ]
    assert [response.overall for response in found.responses] == ["NE"]
    assert {"REGISTRATION_FAILED", "LESION_NOT_COMPARED"} <= codes(found)


@pytest.mark.parametrize(
    ("scans", "told"),
    [
        ((BASELINE,), "two days"),
        ((BASELINE, BASELINE.at(patient=2, day="2026-02-01")), "different patients"),
        ((BASELINE, BASELINE.at(day="2026-02-01").at(day="")), "no date"),
    ],
)
def test_studies_that_form_no_course_are_refused(
    scans: Sequence[Scan], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scan, "array", property(lambda self: np.zeros(self.shape, np.float32)))
    with pytest.raises(InvalidInput, match=told):
        course([scan.drawn() for scan in scans])


def ball(center: tuple[float, float, float], radius: float) -> Place:
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    points = np.moveaxis(np.indices((40, 40, 40)), 0, -1) * 3.0
    return place(((points - np.array(center)) ** 2).sum(axis=-1) <= radius**2, affine)


SOME = [ball((30, 30, 30), 8), ball((80, 30, 30), 5), ball((30, 80, 40), 6), ball((90, 90, 90), 11)]
LATER = [
    ball((31, 31, 30), 9),
    ball((32, 80, 41), 5),
    ball((60, 60, 60), 4),
    ball((90, 84, 90), 4),
    ball((90, 97, 90), 4),
]


def test_the_order_of_lesions_does_not_matter() -> None:
    straight = pair(SOME, LATER, [Alignment()] * 4)
    assert {(link.kind, link.earlier, link.later) for link in straight.links} == {
        (Kind.MATCHED, (0,), (0,)),
        (Kind.MATCHED, (2,), (1,)),
        (Kind.SPLIT, (3,), (3, 4)),
    }
    assert (straight.gone, straight.new) == ((1,), (2,))
    for order in list(permutations(range(5)))[::7]:
        turned = pair(SOME[::-1], [LATER[i] for i in order], [Alignment()] * 4)
        links = {
            (link.kind, tuple(sorted(3 - a for a in link.earlier)), tuple(sorted(order[b] for b in link.later)))
            for link in turned.links
        }
        assert links == {(link.kind, link.earlier, link.later) for link in straight.links}


def test_time_turned_around_makes_merges_of_splits_and_new_lesions_of_vanished_ones() -> None:
    back = pair(LATER, SOME, [Alignment()] * 5)
    assert {(link.kind, link.earlier, link.later) for link in back.links} == {
        (Kind.MATCHED, (0,), (0,)),
        (Kind.MATCHED, (1,), (2,)),
        (Kind.MERGED, (3, 4), (3,)),
    }
    assert (back.gone, back.new) == ((2,), (1,))


@settings(max_examples=25)
@given(
    shift=st.tuples(*[st.floats(-500, 500)] * 3),
    degrees=st.floats(-180, 180),
)
def test_what_is_paired_does_not_depend_on_where_the_patient_lies(
    shift: tuple[float, float, float], degrees: float
) -> None:
    motion = Motion(degrees, shift).matrix
    moved = [
        Place(p.distance, motion @ p.affine_lps, p.points @ motion[:3, :3].T + motion[:3, 3],
              motion[:3, :3] @ p.center + motion[:3, 3], p.volume_ml)
        for p in LATER
    ]  # fmt: skip
    found = pair(SOME, moved, [Alignment(motion)] * 4)
    straight = pair(SOME, LATER, [Alignment()] * 4)
    assert [(x.kind, x.earlier, x.later) for x in found.links] == [(x.kind, x.earlier, x.later) for x in straight.links]
    assert (found.gone, found.new, found.ambiguous) == (straight.gone, straight.new, straight.ambiguous)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.floats(4, 9)), max_size=6, unique_by=lambda x: x[:2])
)
def test_every_lesion_is_accounted_for_exactly_once(drawn_as: list[tuple[int, int, float]]) -> None:
    earlier = [ball((20.0 * x + 15, 20.0 * y + 15, 50), radius) for x, y, radius in drawn_as]
    later = LATER
    found = pair(earlier, later, [Alignment(uncertainty_mm=4)] * len(earlier))
    said_a = [a for x in (*found.links, *found.ambiguous) for a in x.earlier] + list(found.gone)
    said_b = [b for x in (*found.links, *found.ambiguous) for b in x.later] + list(found.new)
    assert sorted(said_a) == list(range(len(earlier)))
    assert sorted(said_b) == list(range(len(later)))
