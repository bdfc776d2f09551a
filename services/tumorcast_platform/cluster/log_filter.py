"""What of a log may be shown and kept: our services write no patient data, but a library's text may hold anything."""

from __future__ import annotations

import re

MOST_LINES = 20
WIDEST = 300

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\x1b\[[0-9;]*[A-Za-z]"), ""),  # colors
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), "<token>"),  # a JWT
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 <token>"),
    (re.compile(r"(?i)\b([\w-]*(?:passw(?:or)?d|secret|token|api[_-]?key|credential)[\w-]*[\"']?\s*[=:]\s*)"
                r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&}\"']+)"), r"\1<hidden>"),
    (re.compile(r"(\w+://)[^/@\s]+@"), r"\1<hidden>@"),  # user and password of a URL
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<address>"),
    (re.compile(r"\b[0-2](?:\.(?:0|[1-9]\d*)){5,}\b"), "<uid>"),  # DICOM
    (re.compile(r"\b(?:18|19|20)\d\d-?[01]\d-?[0-3]\d\b(?![T ]\d\d:)"), "<date>"),  # a day without a time
    (re.compile(r"(?<![\w.])\d{6,}(?![\w.])"), "<number>"),
    (re.compile(r"(/(?:Patient|patients|studies)/)[^/\s?\"']+"), r"\1<id>"),
    (re.compile(r"(?i)(\bpatient[\w ]{0,12}(?:name|id)?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|\S+)"), r"\1<hidden>"),
    (re.compile(r"\b[A-Za-z0-9+/]{64,}={0,2}"), "<data>"),
)  # fmt: skip


def filtered(log: str) -> tuple[str, ...]:
    r"""The last lines of a log, shortened, without what looks like a secret, an id, a date or an address.

    >>> filtered("asking postgresql://tumor:hunter2@db/records\nPatient ID: 4711, born 1957-03-04\n\n")
    ('asking postgresql://<hidden>@db/records', 'Patient ID: <hidden> born <date>')
    """
    lines = [line for line in log.splitlines() if line.strip()][-MOST_LINES:]
    return tuple(_short(line) for line in lines)


def _short(line: str) -> str:
    line = line[: 4 * WIDEST]
    for pattern, instead in _RULES:
        line = pattern.sub(instead, line)
    line = "".join(c if c.isprintable() else " " for c in line).strip()
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"
