"""How the waiting for a release ended, in a line or a few."""

from __future__ import annotations

from tumorcast_platform.cluster.reading import duration
from tumorcast_platform.cluster.waiting import Outcome
from tumorcast_platform.render.platform_status import options
from tumorcast_platform.render.text import Line, Style, wrapped


def outcome_lines(outcome: Outcome) -> list[Line]:
    """All lines."""
    snapshot, after = outcome.snapshot, duration(outcome.seconds)
    if outcome.ready:
        return [Line(f"Release {snapshot.release} is ready, after {after}.", Style.GOOD)]
    lines = []
    for finding in outcome.hopeless:
        lines += wrapped(f"This does not heal by itself: {finding.cause}", Style.ALARM, hanging=2)
        lines += [line for e in finding.evidence[:1] for line in wrapped(f"{e.where}: {e.told}", indent=2, hanging=4)]
    if not outcome.hopeless:
        waits = "; ".join(outcome.waits_for)
        lines += wrapped(f"Not ready after {after}. It still waits for {waits}.", Style.ALARM, hanging=2)
    return [*lines, Line(f"What is wrong: tumorcast platform diagnose{options(snapshot)}", Style.HEADING)]
