"""A release as it stood at one moment: raw objects, log tails, and what could not be read; saved and read as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tumorcast_core.errors import InvalidInput
from tumorcast_platform.cluster.reading import Object, items, mapping, text

FORMAT = "tumorcast-release-snapshot/1"
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of one container's log; ``previous``: of the run before its last restart."""

    pod: str
    container: str
    previous: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseSnapshot:
    """Everything that status, wait and diagnose look at; nothing in it is asked again."""

    namespace: str
    release: str
    taken_at: str
    """RFC 3339, UTC."""
    objects: dict[str, list[Object]] = field(default_factory=dict)
    """By kind."""
    logs: tuple[LogTail, ...] = ()
    absent: tuple[str, ...] = ()
    """Kinds that the cluster does not know."""
    unread: dict[str, str] = field(default_factory=dict)
    """Kinds that could not be read, and why."""

    def of(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        found = self.objects.get(kind, [])
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def log_of(self, pod: str, container: str) -> LogTail | None:
        """The log that tells most about a container's end: of its previous run, else of this one."""
        mine = [log for log in self.logs if (log.pod, log.container) == (pod, container) and log.lines]
        return max(mine, key=lambda log: log.previous, default=None)

    def to_json(self) -> Object:
        """The document that ``from_json`` reads."""
        return {
            "format": FORMAT,
            "namespace": self.namespace,
            "release": self.release,
            "taken_at": self.taken_at,
            "objects": self.objects,
            "logs": [
                {"pod": log.pod, "container": log.container, "previous": log.previous, "lines": list(log.lines)}
                for log in self.logs
            ],
            "absent": list(self.absent),
            "unread": self.unread,
        }

    @classmethod
    def from_json(cls, document: Any) -> ReleaseSnapshot:
        """Read what ``to_json`` gave; raises ``InvalidInput`` for another document. Members are not trusted."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InvalidInput(f"This is no recording of a release: its format is not {FORMAT}.")
        absent = document.get("absent")
        return cls(
            namespace=text(document, "namespace"),
            release=text(document, "release"),
            taken_at=text(document, "taken_at"),
            objects={kind: items(mapping(document, "objects"), kind) for kind in mapping(document, "objects")},
            logs=tuple(_log(log) for log in items(document, "logs")),
            absent=tuple(k for k in absent if isinstance(k, str)) if isinstance(absent, list) else (),
            unread={k: v for k, v in mapping(document, "unread").items() if isinstance(v, str)},
        )

    def save(self, path: Path) -> None:
        """Write it, whole or not at all; raises ``InvalidInput`` where that cannot be."""
        part = path.with_name(f"{path.name}.part")
        try:
            part.write_text(_one_object_a_line(self.to_json()), encoding="utf-8")
            part.replace(path)
        except OSError as e:
            raise InvalidInput(f"{path} cannot be written ({type(e).__name__}).") from e

    @classmethod
    def load(cls, path: Path) -> ReleaseSnapshot:
        """Read a saved one; raises ``InvalidInput`` for a file that is none."""
        try:
            if path.stat().st_size > MOST_BYTES:
                raise InvalidInput(f"{path} is larger than any recording of a release.")
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as e:
            raise InvalidInput(f"{path} cannot be read as a recording of a release ({type(e).__name__}).") from e
        return cls.from_json(document)


def _one_object_a_line(document: Object) -> str:
    """JSON in which each object of the cluster has a line of its own: small, and to be compared line by line."""
    kinds = []
    for kind, found in sorted(document["objects"].items()):
        lines = ",\n".join(f"   {json.dumps(item, sort_keys=True)}" for item in found)
        kinds.append(f"  {json.dumps(kind)}: [\n{lines}\n  ]")
    rest = [f" {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in document.items() if k != "objects"]
    objects = ' "objects": {\n' + ",\n".join(kinds) + "\n }"
    return "{\n" + ",\n".join([*rest, objects]) + "\n}\n"


def _log(log: Object) -> LogTail:
    lines = log.get("lines")
    kept = tuple(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()
    return LogTail(text(log, "pod"), text(log, "container"), log.get("previous") is True, kept)


def pruned(item: Object) -> Object:
    """An object without what nobody reads or nobody should: managed fields, values of variables, arguments of Serve."""
    kept: Object = _without_values({key: value for key, value in item.items() if key not in ("data", "binaryData")})
    metadata = {k: v for k, v in mapping(kept, "metadata").items() if k not in ("managedFields", "selfLink")}
    notes = mapping(metadata, "annotations")
    notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if "annotations" in metadata:
        metadata["annotations"] = notes
    kept["metadata"] = metadata
    if item.get("kind") in ("ReplicaSet", "RayCluster"):
        kept["spec"] = _without_templates(mapping(kept, "spec"))  # the same as their owner's
    serve = text(kept, "spec", "serveConfigV2")
    if serve:
        kept["spec"] = {**mapping(kept, "spec"), "serveConfigV2": _serve_skeleton(serve)}
    return kept


def _without_values(value: Any) -> Any:
    """The same with every ``env`` reduced to names and references."""
    if isinstance(value, list):
        return [_without_values(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        key: [{k: v for k, v in entry.items() if k != "value"} for entry in items(value, "env")]
        if key == "env" and isinstance(member, list)
        else _without_values(member)
        for key, member in value.items()
    }


def _without_templates(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_templates(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {key: _without_templates(member) for key, member in value.items() if key != "template"}


def _serve_skeleton(config: str) -> str:
    """Of a Serve configuration the deployments and how many replicas they have."""
    try:
        document = yaml.safe_load(config)
    except (yaml.YAMLError, RecursionError):
        return ""
    wanted = ("name", "num_replicas", "autoscaling_config", "max_ongoing_requests")
    applications = [
        {"name": text(app, "name"),
         "deployments": [{k: d[k] for k in wanted if k in d} for d in items(app, "deployments")]}
        for app in items(document, "applications")
    ]  # fmt: skip
    skeleton: str = yaml.safe_dump({"applications": applications}, sort_keys=False)
    return skeleton
