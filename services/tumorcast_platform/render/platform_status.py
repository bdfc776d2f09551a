"""A release on one screen: each service's pods, version, who scales it, since when, and what is not well."""

from __future__ import annotations

from tumorcast_platform.cluster.ray_states import RayServiceState, ray_service_states
from tumorcast_platform.cluster.reading import moment
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, ServiceState, migration_state, service_states
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

_STYLES = {
    Health.READY: Style.PLAIN,
    Health.OFF: Style.QUIET,
    Health.UPDATING: Style.CAUTION,
    Health.DEGRADED: Style.CAUTION,
    Health.DOWN: Style.ALARM,
    Health.UNKNOWN: Style.CAUTION,
}
_TITLE = ("service", "pods", "version", "scaled by", "restarts", "state", "for")


def status_page(snapshot: ReleaseSnapshot) -> list[Line]:
    """All lines of the screen, of at most 100 columns."""
    states, rays = service_states(snapshot), ray_service_states(snapshot)
    lines = [_heading(snapshot, states, rays), Line(context_of(snapshot), Style.QUIET)]
    if states:
        rows = columns([_TITLE, *map(_row, states)], align="<><<><<", gap=2)
        lines += [Line(), Line(rows[0], Style.QUIET)]
        lines += [Line(text, _STYLES[state.health]) for text, state in zip(rows[1:], states, strict=True)]
        lines += [Line()]
    for state in states:
        if state.detail and not state.well:
            lines += wrapped(f"{state.service}: {state.detail}.", _STYLES[state.health], hanging=2)
    for ray in rays:
        lines += wrapped(f"RayService {ray.name}: {ray.told}.", Style.PLAIN if ray.well else Style.CAUTION, hanging=2)
    if migration := migration_state(snapshot):
        told = "failed" if migration.failed else "runs"
        lines += wrapped(f"Job {migration.job} {told}.", Style.CAUTION, hanging=2)
    lines += _unread(snapshot)
    if not is_well(snapshot):
        lines += [Line(), Line(f"What is wrong: tumorcast platform diagnose{options(snapshot)}", Style.HEADING)]
    return [line.within(WIDTH) for line in lines]


def is_well(snapshot: ReleaseSnapshot) -> bool:
    """Whether everything that is installed is ready and nothing is under way; false where nothing is installed."""
    states, rays = service_states(snapshot), ray_service_states(snapshot)
    well = all(state.well for state in states) and all(ray.well for ray in rays)
    return bool(states) and well and migration_state(snapshot) is None


def options(snapshot: ReleaseSnapshot) -> str:
    """The options that name the release again, with a blank before each."""
    release = "" if snapshot.release == "tumorcast" else f" --release {snapshot.release}"
    return f" --namespace {snapshot.namespace}{release}"


def context_of(snapshot: ReleaseSnapshot) -> str:
    """Which release, where, and when it was looked at."""
    at = moment(snapshot.taken_at)
    when = f"{at:%Y-%m-%d %H:%M} UTC" if at else "at an unknown time"
    return f"Release {snapshot.release}, namespace {snapshot.namespace}, {when}"


def _heading(snapshot: ReleaseSnapshot, states: list[ServiceState], rays: list[RayServiceState]) -> Line:
    migration = migration_state(snapshot)
    if not states and migration:
        told = "failed, so nothing was installed" if migration.failed else "runs; nothing is installed before it ends"
        return Line(f"The migration of the database {told}.", Style.ALARM if migration.failed else Style.CAUTION)
    if not states:
        return Line("There is no such release, or it may not be read: helm list --all-namespaces", Style.ALARM)
    if down := _down(states):
        verb = "is" if len(down) == 1 else "are"
        named = " and ".join([", ".join(down[:-1]), down[-1]] if down[1:] else down)
        return Line(f"{named[:1].upper()}{named[1:]} {verb} down.", Style.ALARM)
    but = []
    if any(not state.well and state.health is not Health.UNKNOWN for state in states):
        but.append("not every pod is as it should be")
    if any(ray.upgrading for ray in rays):
        but.append("imaging is being upgraded")
    elif any(not ray.well for ray in rays):
        but.append("imaging's RayService is not ready")
    if migration:
        but.append(f"the migration of the database {'failed' if migration.failed else 'runs'}")
    if any(state.health is Health.UNKNOWN for state in states):
        beside = f"; {' and '.join(but)}" if but else ""
        return Line(f"Not everything could be read{beside}.", Style.CAUTION)
    if but:
        return Line(f"All services answer, but {' and '.join(but)}.", Style.CAUTION)
    return Line("All services are ready.", Style.GOOD)


def _down(states: list[ServiceState]) -> list[str]:
    """What is down; a service of which everything is, by one name."""
    found: list[str] = []
    for state in states:
        service = state.service.partition(" ")[0]
        if state.health is Health.DOWN and service not in found:
            rows = [other for other in states if other.service.partition(" ")[0] == service]
            found.append(service if all(row.health is Health.DOWN for row in rows) else state.service)
    return found


def _row(state: ServiceState) -> tuple[str, ...]:
    wanted = "?" if state.wanted is None else str(state.wanted)
    return (
        state.service,
        f"{state.ready}/{wanted}",
        state.version or "?",
        str(state.scaler),
        str(state.restarts),
        str(state.health),
        state.since if state.health is not Health.OFF else "",
    )


def _unread(snapshot: ReleaseSnapshot) -> list[Line]:
    return [
        line for kind, why in sorted(snapshot.unread.items()) for line in wrapped(f"Not read: {kind}. {why}", hanging=2)
    ]
