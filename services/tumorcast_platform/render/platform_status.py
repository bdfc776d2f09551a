"""A release on one screen: each service's pods, version, who scales it, since when, and what is not well."""

from __future__ import annotations

from collections.abc import Iterable

from tumorcast_platform.cluster.ray_states import RayServiceState, ray_service_states
from tumorcast_platform.cluster.reading import moment
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, ServiceState, service_states
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

_STYLES = {
    Health.READY: Style.PLAIN,
    Health.OFF: Style.QUIET,
    Health.UPDATING: Style.CAUTION,
    Health.DEGRADED: Style.CAUTION,
    Health.DOWN: Style.ALARM,
}
_TITLE = ("service", "pods", "version", "scaled by", "restarts", "state")


def status_page(snapshot: ReleaseSnapshot) -> list[Line]:
    """All lines of the screen, of at most 100 columns."""
    states, rays = service_states(snapshot), ray_service_states(snapshot)
    lines = [_heading(snapshot, states, rays)]
    if states:
        rows = columns([_TITLE, *map(_row, states)], align="<><<><", gap=2)
        lines += [Line(), Line(rows[0], Style.QUIET)]
        lines += [Line(text, _STYLES[state.health]) for text, state in zip(rows[1:], states, strict=True)]
    for ray in rays:
        lines += wrapped(f"RayService {ray.name}: {ray.told}.", Style.PLAIN if ray.well else Style.CAUTION, hanging=2)
    lines += _unread(snapshot)
    if not is_well(states, rays):
        lines += [Line(), Line(f"What is wrong: tumorcast platform diagnose{options(snapshot)}", Style.HEADING)]
    return [line.within(WIDTH) for line in lines]


def is_well(states: Iterable[ServiceState], rays: Iterable[RayServiceState]) -> bool:
    """Whether everything that is installed is ready; false where nothing is installed."""
    states = list(states)
    return bool(states) and all(state.well for state in states) and all(ray.well for ray in rays)


def options(snapshot: ReleaseSnapshot) -> str:
    """The options that name the release again, with a blank before each."""
    release = "" if snapshot.release == "tumorcast" else f" --release {snapshot.release}"
    return f" --namespace {snapshot.namespace}{release}"


def taken(snapshot: ReleaseSnapshot) -> str:
    """When the snapshot was taken, for a heading."""
    at = moment(snapshot.taken_at)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "at an unknown time"


def _heading(snapshot: ReleaseSnapshot, states: list[ServiceState], rays: list[RayServiceState]) -> Line:
    where = f"Release {snapshot.release} in namespace {snapshot.namespace}, {taken(snapshot)}"
    if not states:
        return Line(f"{where}: no such release, or it may not be read.", Style.ALARM)
    if is_well(states, rays):
        return Line(f"{where}: all ready.", Style.GOOD)
    down = [state.service for state in states if state.health is Health.DOWN]
    if down:
        return Line(f"{where}: {', '.join(down)} down.", Style.ALARM)
    return Line(f"{where}: not all ready.", Style.CAUTION)


def _row(state: ServiceState) -> tuple[str, ...]:
    wanted = "?" if state.wanted is None else str(state.wanted)
    since = f" for {state.since}" if state.since and state.health is not Health.OFF else ""
    detail = f" ({state.detail})" if state.detail else ""
    return (
        state.service,
        f"{state.ready}/{wanted}",
        state.version or "?",
        str(state.scaler),
        str(state.restarts),
        f"{state.health}{since}{detail}",
    )


def _unread(snapshot: ReleaseSnapshot) -> list[Line]:
    return [
        line for kind, why in sorted(snapshot.unread.items()) for line in wrapped(f"Not read: {kind}. {why}", hanging=2)
    ]
