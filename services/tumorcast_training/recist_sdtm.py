"""CDISC SDTM oncology domains read into RECIST assessments, and reported responses compared with ours.

TU names the lesions, TR holds their measurements, RS the responses that readers reported. Each reader of a patient
(investigator, radiologist 1, radiologist 2) is a course of its own: baseline and nadir are never shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tumorcast_core.dates import read_date
from tumorcast_core.errors import UnsoundAssessments
from tumorcast_core.recist import Assessment, Lesion, Measurement, Response, Role, State, assess, overall_response

# CDISC terminology: LDIAM longest diameter, LPERP longest perpendicular (the short axis), TUMSTATE tumor state.
_LONGEST, _SHORT_AXIS, _STATE = "LDIAM", "LPERP", "TUMSTATE"
_TO_MM = {"mm": 1.0, "cm": 10.0}
_NODE = "LYMPH NODE"
INVESTIGATOR = "INVESTIGATOR"
_NOT_REPORTED = "not reported"
_TU_COLUMNS = ("USUBJID", "TUEVALID", "TULNKID", "TUSTRESC", "TULOC")
_TR_COLUMNS = (
    "USUBJID",
    "TREVALID",
    "TRLNKID",
    "TRTESTCD",
    "TRSTRESC",
    "TRSTRESN",
    "TRSTRESU",
    "VISITNUM",
    "VISIT",
    "TRDTC",
)
_RS_COLUMNS = ("USUBJID", "RSEVALID", "RSTESTCD", "RSSTRESC", "VISIT", "RSDTC")


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """One patient as seen by one reader."""

    patient: str
    reader: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What RS says of one visit; ``None`` where it has no such row. Overall stays as written: it may be no response."""

    reading: Reading
    visit: str
    date: str
    target: Response | None
    non_target: Response | None
    new_lesion: bool
    overall: str


@dataclass(frozen=True, slots=True, order=True)
class Disagreement:
    """One visit on which the reported and the computed response differ."""

    patient: str
    reader: str
    visit: str
    what: str
    reported: str
    computed: str


def read_courses(tumors: Path, results: Path) -> dict[Reading, list[Assessment]]:
    """Read TU and TR files into one course per patient and reader, visits in order of ``VISITNUM``.

    A repeated row that says the same is read once. A partial date counts as the first day it can mean that lies after
    the visit before. Raises ``UnsoundAssessments`` for a result of a lesion that TU does not name, another unit than mm
    or cm, an unknown tumor state, a date that is none, two different results of one lesion at a visit, and a file that
    is no table with the columns of its domain. A row without a result says that the lesion was not evaluated.
    """
    lesions = {key: _lesion(row) for key, row in _by_lesion(_read(tumors, _TU_COLUMNS), "TU")}
    found = _read(results, _TR_COLUMNS)
    found["VISITNUM"] = pd.to_numeric(found["VISITNUM"], errors="coerce")
    if found["VISITNUM"].isna().any():
        raise UnsoundAssessments("TR has a visit without a number.")
    courses: dict[Reading, list[Assessment]] = {}
    for (patient, _, _), rows in found.groupby(["USUBJID", found["TREVALID"].fillna(INVESTIGATOR), "VISITNUM"]):
        reading = Reading(str(patient), _reader(rows.iloc[0], "TR"))
        course = courses.setdefault(reading, [])
        course.append(_visit(rows, lesions, course[-1].day if course else None))
    return courses


def read_reported(responses: Path) -> list[Reported]:
    """Read an RS file, one entry per patient, reader and date: two unscheduled visits may share a ``VISITNUM``.

    Raises ``UnsoundAssessments`` for a file that is no RS table, and for a target or non-target response that is none.
    """
    rows = _read(responses, _RS_COLUMNS)
    rows["reader"] = rows["RSEVALID"].fillna(INVESTIGATOR)
    found = []
    for (patient, reader, _), visit in rows.groupby(["USUBJID", "reader", "RSDTC"]):
        said = dict(zip(visit["RSTESTCD"], visit["RSSTRESC"], strict=True))
        found.append(
            Reported(
                reading=Reading(str(patient), str(reader)),
                visit=visit["VISIT"].iloc[0],
                date=visit["RSDTC"].iloc[0],
                target=_response(said.get("TRGRESP")),
                non_target=_response(said.get("NTRGRESP")),
                new_lesion=said.get("NEWLPROG") == "UNEQUIVOCAL",
                overall=said.get("OVRLRESP", _NOT_REPORTED),
            )
        )
    return found


def compare_visits(
    courses: Mapping[Reading, Sequence[Assessment]], reported: Sequence[Reported]
) -> tuple[int, set[Disagreement]]:
    """Compare what was reported with what we compute from the measurements, visit by visit of the same name.

    Returns how many responses were compared (target, non-target and overall count apart), and those that differ. A part
    that was not reported is not compared; a reported part of which the patient has no lesion is a disagreement.
    """
    computed = {(reading, visit.name): visit for reading, course in courses.items() for visit in assess(course)}
    compared, found = 0, set()
    for said in reported:
        ours = computed.get((said.reading, said.visit))
        if ours is None:
            continue
        pairs = (
            ("target", said.target, ours.target),
            ("non-target", said.non_target, ours.non_target),
            ("overall", said.overall, ours.overall),
        )
        for what, theirs, own in pairs:
            if theirs is not None:
                compared += 1
                if theirs != own:
                    key = (said.reading.patient, said.reading.reader, said.visit, what)
                    found.add(Disagreement(*key, str(theirs), str(own or "none")))
    return compared, found


def compare_table(reported: Sequence[Reported]) -> dict[tuple[str, str, str, str, str], int]:
    """Combine the reported parts by RECIST 1.1's table 1, and count the combinations whose reported overall differs.

    Keys are (target, non-target, new lesion, reported overall, overall by the table). A non-target response that is not
    reported counts as not evaluated: every patient of these readers has non-targets.
    """
    counts: dict[tuple[str, str, str, str, str], int] = {}
    for said in reported:
        by_table = overall_response(said.target, said.non_target or Response.NE, said.new_lesion)
        if said.overall != by_table:
            new = "yes" if said.new_lesion else "no"
            key = (str(said.target), str(said.non_target or _NOT_REPORTED), new, said.overall, str(by_table))
            counts[key] = counts.get(key, 0) + 1
    return counts


def after_complete_response(reported: Sequence[Reported]) -> set[Disagreement]:
    """Find visits right after an overall CR whose overall response is neither CR, PD nor NE.

    Table 3, footnote a: disease that is seen after a CR is PD.
    """
    last: dict[Reading, str] = {}
    found = set()
    for said in sorted(reported, key=lambda entry: (entry.reading, entry.date)):
        if last.get(said.reading) == Response.CR and said.overall not in (Response.CR, Response.PD, Response.NE):
            key = (said.reading.patient, said.reading.reader, said.visit)
            found.add(Disagreement(*key, "overall", said.overall, str(Response.PD)))
        last[said.reading] = said.overall
    return found


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as e:
        raise UnsoundAssessments("A file of SDTM is not a CSV table.") from e
    missing = [column for column in columns if column not in rows]
    if missing:
        raise UnsoundAssessments(f"A file of SDTM has no column {', '.join(missing)}.")
    return rows


def _response(written: str | None) -> Response | None:
    if written is None:
        return None
    try:
        return Response(written)
    except ValueError as e:
        raise UnsoundAssessments("RS has a target or non-target response that RECIST 1.1 does not know.") from e


def _reader(row: Any, domain: str) -> str:
    return row[f"{domain}EVALID"] if isinstance(row[f"{domain}EVALID"], str) else INVESTIGATOR


def _by_lesion(rows: pd.DataFrame, domain: str) -> Iterator[tuple[tuple[Reading, str], Any]]:
    for _, row in rows.iterrows():
        yield (Reading(row["USUBJID"], _reader(row, domain)), row[f"{domain}LNKID"]), row


def _lesion(row: Any) -> Lesion:
    try:
        role = Role(row["TUSTRESC"])
    except ValueError as e:
        raise UnsoundAssessments("TU identifies a lesion as neither target, non-target nor new.") from e
    organ = row["TULOC"] if isinstance(row["TULOC"], str) else ""
    return Lesion(row["TULNKID"], role, organ.lower(), is_node=organ == _NODE)


def _visit(rows: pd.DataFrame, lesions: Mapping[tuple[Reading, str], Lesion], after: int | None) -> Assessment:
    measured: dict[str, Measurement] = {}
    for (reading, lesion_id), row in _by_lesion(rows, "TR"):
        lesion = lesions.get((reading, lesion_id))
        if lesion is None:
            raise UnsoundAssessments("TR has a result of a lesion that TU does not name.")
        measurement = _measurement(lesion, row)
        if measurement is not None and measured.setdefault(lesion_id, measurement) != measurement:
            raise UnsoundAssessments("TR has two different results of one lesion at a visit.")
    days = [_day(written, after) for written in rows["TRDTC"].dropna()]  # a scan that was not done has no date
    if not days:
        raise UnsoundAssessments("TR has a visit without a date.")
    return Assessment(min(days), tuple(measured.values()), name=rows["VISIT"].iloc[0])


def _measurement(lesion: Lesion, row: Any) -> Measurement | None:
    """Read one TR row; ``None``: RECIST does not use it (the other diameter)."""
    if row["TRTESTCD"] == _STATE:
        try:
            return Measurement(lesion, state=State(row["TRSTRESC"]))
        except ValueError as e:
            raise UnsoundAssessments("TR has a tumor state that is not known.") from e
    if row["TRTESTCD"] != (_SHORT_AXIS if lesion.is_node else _LONGEST):
        return None
    if not isinstance(row["TRSTRESN"], str):
        return Measurement(lesion, state=State.NOT_EVALUABLE)
    factor = _TO_MM.get(row["TRSTRESU"])
    if factor is None:
        raise UnsoundAssessments("TR has a diameter in another unit than mm or cm.")
    try:
        return Measurement(lesion, float(row["TRSTRESN"]) * factor)
    except ValueError as e:
        raise UnsoundAssessments("TR has a diameter that is not a number.") from e


def _day(written: str, after: int | None) -> int:
    found = read_date(written)
    if found is None:
        raise UnsoundAssessments("TR has a date that is none.")
    first, last = found.first.toordinal(), found.last.toordinal()
    return first if after is None else min(max(first, after + 1), last)
