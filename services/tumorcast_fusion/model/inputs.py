"""What became of each input group, and why: the answer's ``inputs``."""

from __future__ import annotations

from collections.abc import Iterable

from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted, ServiceUnavailable
from tumorcast_core.prognosis import Contribution, InputStatus, InputUse, Reason
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
    group: Group, used: bool, issues: Iterable[Issue], contributions: tuple[Contribution, ...] = ()
) -> InputUse:
    """Report one group: used, or why not.

    An issue explains a missing group if it is an error of the service that reads it, at the group's timepoint or at
    none, and concerns the source as a whole (or, for images, the study).
    """
    if used:
        return InputUse(group.modality, group.id, InputStatus.USED, None, contributions)
    for issue in issues:
        if not issue.blocks or issue.timepoint not in ("", group.timepoint):
            continue
        whole = not issue.location or group.modality == Modality.IMAGING
        of_group = issue.origin == origin_of(group.modality)
        if of_group and whole:
            status = InputStatus.ABSENT if issue.code in _NOTHING_ARRIVED else InputStatus.REJECTED
            return InputUse(group.modality, group.id, status, Reason(issue.code, issue.message))
    return InputUse(group.modality, group.id, InputStatus.ABSENT, _NOT_PROVIDED)
