"""What the answer rests on: each group of inputs, what it moved, which inputs did it, what the missing would add."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tumorcast_core.prognosis import Endpoint, FeatureContribution, InputStatus, InputUse, Worth
from tumorcast_platform.render.text import Line, Style, columns, wrapped
from tumorcast_platform.render.words import MOST_ENDPOINTS, End, headings, inside, last_ends, listed, signed

_MOST_FEATURES = 3
"""Single inputs told under each group."""
_STYLE = {InputStatus.USED: Style.GOOD, InputStatus.ABSENT: Style.QUIET, InputStatus.REJECTED: Style.CAUTION}


def input_lines(inputs: Sequence[InputUse], endpoints: Sequence[Endpoint]) -> list[Line]:
    """Tabulate the input groups; contributions in percentage points of the probability that they moved."""
    ends = last_ends((End(c.endpoint_id, c.horizon_days) for use in inputs for c in use.contributions), endpoints)
    above = [headings(end, endpoints) for end in ends]
    headers = [["", "", "", *(name for name, _ in above)], ["input", "modality", "", *(when for _, when in above)]]
    rows = [[use.group, use.modality, use.status, *(_moved(use, end) for end in ends)] for use in inputs]
    table = columns([*headers, *rows], align="<<<" + ">" * len(ends))
    lines = [Line("Inputs, and what each moved in percentage points" if ends else "Inputs", Style.HEADING)]
    lines += [Line(text, Style.QUIET) for text in table[: len(headers)] if text]
    told = _told(inputs, [endpoint.id for endpoint in endpoints])
    for use, text in zip(inputs, table[len(headers) :], strict=True):
        lines += [Line(text, _STYLE[use.status]), *_under(use, told)]
    if any(sum(f.endpoint_id == e for f in use.features) > _MOST_FEATURES for use in inputs for e in told):
        text = f"  Under each group its {_MOST_FEATURES} strongest inputs, beside the average patient: --json shows all"
        lines.append(Line(text, Style.QUIET))
    return lines


def _moved(use: InputUse, end: End) -> str:
    value = next((c.value for c in use.contributions if (c.endpoint_id, c.horizon_days) == end), None)
    return "" if value is None else signed(100 * value, 1)


def _told(inputs: Iterable[InputUse], known: Iterable[str]) -> list[str]:
    """The first endpoints for which single inputs are told."""
    found = dict.fromkeys(f.endpoint_id for use in inputs for f in use.features)
    return [*dict.fromkeys([*(e for e in known if e in found), *found])][:MOST_ENDPOINTS]


def _under(use: InputUse, told: Sequence[str]) -> list[Line]:
    """Why the group was not used, what its inputs did to each endpoint, and what it would add."""
    lines = wrapped(f"{use.reason.code}: {use.reason.message}", Style.QUIET, indent=4, hanging=6) if use.reason else []
    for endpoint_id in told:
        found = sorted((f for f in use.features if f.endpoint_id == endpoint_id), key=lambda f: -abs(f.value))
        lines += [Line(f"    {inside(endpoint_id)}:", Style.QUIET)] if found else []
        for feature in found[:_MOST_FEATURES]:
            lines += wrapped(_feature(feature), indent=6, hanging=8)
    return lines + wrapped(_worths(use), Style.QUIET, indent=4, hanging=6)


def _feature(feature: FeatureContribution) -> str:
    return feature.words or f"{inside(feature.input)} ({signed(feature.value, 2)})"


def _worths(use: InputUse) -> str:
    """What a missing group would add.

    >>> from tumorcast_core.prognosis import Interval, Modality
    >>> worth = Worth("overall_survival", "C", 0.03, Interval(0.01, 0.05, 0.95))
    >>> _worths(InputUse(Modality.GENOMICS, "genomics", InputStatus.ABSENT, worth=(worth,)))
    'Given, it would raise the C of overall survival by about .03.'
    """
    raised = [w for w in use.worth if w.gain >= 0.005]
    useless = [w for w in use.worth if w.gain < 0.005]
    said = []
    if raised:
        said.append(f"Given, it would raise {listed(map(_worth, raised[:MOST_ENDPOINTS]))}.")
    if useless:
        scores = listed((f"the {w.score} of {inside(w.endpoint_id)}" for w in useless[:MOST_ENDPOINTS]), "or")
        said.append(f"{'It' if raised else 'Given, it'} would hardly raise {scores}.")
    return " ".join(said)


def _worth(worth: Worth) -> str:
    unsure = ", within noise" if worth.interval.lower <= 0 else ""
    return f"the {worth.score} of {inside(worth.endpoint_id)} by about {f'{worth.gain:.2f}'.removeprefix('0')}{unsure}"
