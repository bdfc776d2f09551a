"""Problems of manifests, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_platform.cluster.policies import Problem
from tumorcast_platform.render.text import Line, Style, wrapped

_MOST = 60


def problem_lines(objects: int, problems: Sequence[Problem], *, strict: bool) -> list[Line]:
    """Errors first, then warnings, then the sum."""
    lines: list[Line] = []
    for problem in sorted(problems, key=lambda p: p.warning)[:_MOST]:
        word = "warning" if problem.warning else "error"
        style = Style.CAUTION if problem.warning else Style.ALARM
        lines += wrapped(f"{word} {problem.code}: {problem.where}: {problem.message}", style, hanging=2)
    if len(problems) > _MOST:
        lines.append(Line(f"… and {len(problems) - _MOST} more"))
    wrong = sum(strict or not p.warning for p in problems)
    warnings = len(problems) - wrong
    seen = f"{objects} object{'s' if objects != 1 else ''}"
    told = f"{seen}: {wrong} wrong" if wrong else f"{seen}: nothing is wrong"
    told += f", {warnings} warning{'s' if warnings != 1 else ''}." if warnings else "."
    return [*lines, Line(told, Style.ALARM if wrong else Style.GOOD)]
