"""What became of each input group, and why: the answer's ``inputs``."""

from __future__ import annotations

from collections.abc import Iterable

from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted, ServiceUnavailable
from tumorcast_core.prognosis import Contribution, FeatureContribution, InputStatus, InputUse, Reason, Worth
from tumorcast_core.snapshot import Issue, Modality
from tumorcast_fusion.model.manifest import Group

_NOTHING_ARRIVED = {DeadlineExceeded.reason, ResourceExhausted.reason, ServiceUnavailable.reason}
_NOT_PROVIDED = Reason("NOT_PROVIDED", "Nothing of this group was in the input.")


def origin_of(modality: Modality) -> str:
    """The service that reads a modality."""
    if modality in (Modality.IMAGING, Modality.NOTES):
        return modality.value
    return "clinical"


def input_use(
    group: Group,
    used: bool,
    rejection: Issue | None,
    issues: Iterable[Issue],
    contributions: tuple[Contribution, ...] = (),
    features: tuple[FeatureContribution, ...] = (),
    worth: tuple[Worth, ...] = (),
) -> InputUse:
    """Report one group: used, or why not.

    ``rejection`` is what was wrong with a value of the group. Otherwise an issue explains a missing group if it is an
    error of the service that reads it, at the group's timepoint or at none, and concerns the source as a whole (or, for
    images, the study).
    """
    if used:
        return InputUse(group.modality, group.id, InputStatus.USED, None, contributions, features)
    explaining = rejection or next((issue for issue in issues if _explains(issue, group)), None)
    if explaining is None:
        return InputUse(group.modality, group.id, InputStatus.ABSENT, _NOT_PROVIDED, worth=worth)
    status = InputStatus.ABSENT if explaining.code in _NOTHING_ARRIVED else InputStatus.REJECTED
    return InputUse(group.modality, group.id, status, Reason(explaining.code, explaining.message), worth=worth)


def _explains(issue: Issue, group: Group) -> bool:
    whole = not issue.location or group.modality == Modality.IMAGING
    here = issue.timepoint in ("", group.timepoint)
    return issue.blocks and whole and here and issue.origin == origin_of(group.modality)
