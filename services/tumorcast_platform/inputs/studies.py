"""DICOM folders → studies, each with the role of its timepoint."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tumorcast_core.errors import InvalidInput, NotDicom, PayloadTooLarge, StudyNotFound
from tumorcast_imaging.dicom import DEFAULT_LIMITS
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.study import list_files, scan

ROLES = ("baseline", "follow_up")
"""Roles that studies without one take in order of their dates; a folder of that name says its role itself."""

_WITH_ROLE = re.compile(r"([A-Za-z]\w*)=(.+)")


@dataclass(frozen=True, slots=True)
class Study:
    """One study on disk: the role of its timepoint, its UID, its date (ISO 8601 or empty) and its files.

    ``unreadable`` are files beside them that are not DICOM, or no longer: a slice may be among them.
    """

    role: str
    uid: str
    date: str
    files: tuple[Path, ...]
    unreadable: tuple[Path, ...] = ()


def find_studies(arguments: Iterable[str]) -> tuple[Study, ...]:
    """Find the studies below each ``DIR`` or ``ROLE=DIR``, in order of their dates; one may lie in several folders.

    A study without a role takes that of the folder it lies in (``baseline``, ``follow_up``) or, by date, the first
    one that is left. Raises ``NotDicom`` where a folder holds none, ``InvalidInput`` where roles are not clear.
    """
    found: dict[str, Study] = {}
    for study in (study for argument in arguments for study in _below(argument)):
        found[study.uid] = _joined(found[study.uid], study) if study.uid in found else study
    studies = _with_roles(sorted(found.values(), key=lambda study: (study.date, study.uid)))
    if len({study.role for study in studies}) < len(studies):
        raise InvalidInput("Two DICOM studies have one role: say which is which with --dicom ROLE=DIR.")
    return tuple(studies)


def _joined(one: Study, other: Study) -> Study:
    """Two folders of one study, e.g. a series each; the same file given twice counts once."""
    if one.role and other.role and one.role != other.role:
        raise InvalidInput("One DICOM study was given for two timepoints.")
    files = {file.resolve(): file for file in (*one.files, *other.files)}
    return Study(
        role=one.role or other.role,
        uid=one.uid,
        date=min(filter(None, (one.date, other.date)), default=""),
        files=tuple(files.values()),
        unreadable=tuple(dict.fromkeys((*one.unreadable, *other.unreadable))),
    )


def _below(argument: str) -> list[Study]:
    role, folder = _split(argument)
    files = list_files(folder, DEFAULT_LIMITS)
    if files is None:
        raise PayloadTooLarge(f"A --dicom folder holds more than {DEFAULT_LIMITS.max_files} files.")
    headers, ignored = scan(files, DEFAULT_LIMITS)
    if not headers:
        raise NotDicom("A --dicom folder holds no DICOM file.")
    studies: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        studies[header.study_instance_uid].append(header)
    if role and len(studies) > 1:
        raise InvalidInput(f"The folder given for {role} holds {len(studies)} studies; give each its own.")
    unreadable = [file.path for file in ignored]
    return [_study(role, uid, headers, folder, unreadable) for uid, headers in studies.items()]


def _split(argument: str) -> tuple[str, Path]:
    """Take ``ROLE=DIR`` apart; an existing folder may have a ``=`` in its name."""
    match = _WITH_ROLE.fullmatch(argument)
    try:
        role, folder = ("", Path(argument)) if not match or Path(argument).exists() else (match[1], Path(match[2]))
        is_folder = bool(argument) and folder.is_dir()
    except OSError:  # a name that the system cannot hold
        is_folder = False
    if not is_folder:
        raise StudyNotFound("A --dicom folder does not exist.")
    return role, folder


def _study(role: str, uid: str, headers: Sequence[Header], folder: Path, unreadable: Sequence[Path]) -> Study:
    files = tuple(header.path for header in headers)
    date = min((header.date for header in headers if header.date), default="")
    folders = {file.parent for file in files}
    beside = tuple(file for file in unreadable if file.parent in folders)
    return Study(role or _role_of_folder(files, folder), uid, date, files, beside)


def _role_of_folder(files: Sequence[Path], root: Path) -> str:
    """Role that the folders say, if all files of the study lie in one of that name; ``root`` itself counts."""
    named = [{part for part in (root.name, *file.relative_to(root).parts[:-1]) if part in ROLES} for file in files]
    common = set.intersection(*named)
    return common.pop() if len(common) == 1 else ""


def _with_roles(studies: Sequence[Study]) -> list[Study]:
    """Give the studies without a role the roles that are left, in the order given."""
    taken = {study.role for study in studies}
    free = [role for role in ROLES if role not in taken]
    nameless = [study for study in studies if not study.role]
    if len(nameless) > len(free):
        raise InvalidInput(f"{len(nameless)} DICOM studies have no role: say which is which with --dicom ROLE=DIR.")
    roles = dict(zip((study.uid for study in nameless), free, strict=False))
    return [study if study.role else replace(study, role=roles[study.uid]) for study in studies]
