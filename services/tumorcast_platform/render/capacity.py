"""The answer of ``tumorcast platform capacity`` as a document, and as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tumorcast_platform.render.text import Line, Style, columns, wrapped

if TYPE_CHECKING:
    from tumorcast_platform.capacity import Demand, Figure, Plan, Times, Tried


def capacity_document(
    plan: Plan, demand: Demand, times: Times, *, p95_s: float, days: int, changed: Sequence[str]
) -> dict[str, Any]:
    """Everything that is told, as JSON: seconds, shares of 1, intervals as [low, high]."""
    return {
        "asked": {"studies_per_day": demand.studies_per_day, "p95_s": p95_s, "peak_per_hour": demand.peak_per_s * 3600},
        "profile": {
            "name": times.name,
            "machine": times.machine,
            "source": times.source,
            "measured": times.measured and not changed,
            "changed": list(changed),
            "device": times.device,
        },
        "encoder_replicas": plan.fixed.layout.encoders,
        "ingress_replicas": plan.fixed.layout.ingress,
        "ingress_cpus": plan.fixed.layout.ingress_cpus,
        "days_simulated": days,
        "saturation_studies_per_s": _figure(plan.saturation_per_s),
        "fixed": _tried(plan.fixed),
        "autoscaled": _tried(plan.scaled) if plan.scaled else None,
        "autoscaled_from_one": _tried(plan.from_one) if plan.from_one else None,
    }


def _tried(tried: Tried) -> dict[str, Any]:
    encoders = tried.layout.encoders
    bounds = [encoders, encoders] if isinstance(encoders, int) else [encoders.min_replicas, encoders.max_replicas]
    return {
        "encoder_bounds": bounds,
        "encoder_peak": tried.peak_encoders,
        "p50_s": _figure(tried.p50_s),
        "p95_s": _figure(tried.p95_s),
        "unanswered_share": _figure(tried.refused),
        "encoder_hours_per_day": _figure(tried.encoder_hours),
        "encoder_utilization": round(tried.encoder_utilization, 4),
        "ingress_utilization": round(tried.ingress_utilization, 4),
        "crops_per_batch": round(tried.mean_batch, 2),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    def told(value: float) -> float | None:
        return round(value, 6) if math.isfinite(value) else None

    return {"mean": told(figure.mean), "interval": [told(figure.low), told(figure.high)]}


def capacity_page(document: dict[str, Any]) -> list[Line]:
    """The answer first, then what it does, then what it rests on."""
    asked, profile, days = document["asked"], document["profile"], document["days_simulated"]
    what = "GPU" if profile["device"] == "gpu" else "processor"
    encoders, ingress = document["encoder_replicas"], document["ingress_replicas"]
    lines = [
        Line(
            f"{encoders} encoder replica{'s' * (encoders != 1)} (a {what} each) and {ingress} ingress "
            f"replica{'s' * (ingress != 1)} ({document['ingress_cpus']:g} CPU each)",
            Style.HEADING,
        ),
        Line(
            f"  answer {asked['studies_per_day']:g} studies a day, {asked['peak_per_hour']:.0f} in the busiest hour, "
            f"95 % of them within {asked['p95_s']:g} s"
        ),
        Line(f"  {days} simulated days; means and 95 % intervals over days"),
        Line(),
        *(Line(text) for text in columns(list(_rows(document, what)), align="<" + ">" * 3)),
        Line(),
        Line(
            f"  at most {_told(document['saturation_studies_per_s'], '.1f')} studies a second come through "
            f"{encoders} + {ingress}"
        ),
    ]
    if document["autoscaled"] is None and encoders > 1:
        lines.append(Line("  no floor below the full number keeps the target: replicas that start late are too late"))
    lines += [Line(), *_rests_on(profile)]
    return lines


def _rows(document: dict[str, Any], what: str) -> Iterator[list[str]]:
    shown = [("always all", document["fixed"])]
    if document["encoder_replicas"] > 1:
        shown += [("autoscaled", one) for one in (document["autoscaled"], document["autoscaled_from_one"]) if one]
        if len(shown) == 3 and shown[1][1] == shown[2][1]:
            shown.pop()
    header = [f"{name} ({_bounds(one['encoder_bounds'])})" for name, one in shown]
    rows = [
        ["", *header],
        ["p50, s", *(_told(one["p50_s"], ".3f") for _, one in shown)],
        ["p95, s", *(_told(one["p95_s"], ".3f") for _, one in shown)],
        ["refused or late", *(f"{one['unanswered_share']['mean']:.2%}" for _, one in shown)],
        [f"{what} hours a day", *(f"{one['encoder_hours_per_day']['mean']:.1f}" for _, one in shown)],
        [f"{what}s busy", *(f"{one['encoder_utilization']:.1%}" for _, one in shown)],
        ["ingress busy", *(f"{one['ingress_utilization']:.1%}" for _, one in shown)],
        ["crops a batch", *(f"{one['crops_per_batch']:.1f}" for _, one in shown)],
    ]
    for row in rows:
        yield [*row, *[""] * (4 - len(row))]


def _bounds(bounds: list[int]) -> str:
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}–{bounds[1]}"


def _told(figure: dict[str, Any], digits: str) -> str:
    if figure["mean"] is None:
        return "never"
    low, high = figure["interval"]
    return f"{figure['mean']:{digits}} ({low:{digits}}–{high:{digits}})"


def _rests_on(profile: dict[str, Any]) -> list[Line]:
    if profile["measured"]:
        title = Line(f"Measured times: {profile['name']}", Style.GOOD)
    else:
        given = f", with your {', '.join(profile['changed'])}" if profile["changed"] else ""
        title = Line(f"NOT MEASURED on your machines: {profile['name']}{given}", Style.CAUTION)
    return [
        title,
        *wrapped(profile["machine"], indent=2),
        *wrapped(profile["source"], indent=2),
        *wrapped(
            "It shares an encoder's replicas among all studies, and says nothing of the network, of other services on "
            "the same nodes, or of a deadline tighter than the one given.",
            Style.QUIET,
            indent=2,
        ),
    ]
