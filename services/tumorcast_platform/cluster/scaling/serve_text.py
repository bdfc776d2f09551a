"""Numbers changed in a Ray Serve configuration, and not one other character.

The RayService holds the configuration as one string that an operator may have commented, so it is never written anew:
the very characters of a value are replaced, and what came out is read again and compared.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from tumorcast_core.errors import Conflict

Path = tuple[str, ...]
"""Keys below a deployment, e.g. ``("autoscaling_config", "min_replicas")``."""


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def deployments(text: str) -> dict[str, dict[str, Any]]:
    """Every deployment of the configuration by name; raises ``Conflict`` where it cannot be read."""
    found = _loaded(text)
    every = [d for app in found.get("applications") or () for d in app.get("deployments") or ()]
    return {str(d["name"]): d for d in every}


def arguments(text: str) -> dict[str, Any]:
    """The ``args`` of all applications, together."""
    found: dict[str, Any] = {}
    for app in _loaded(text).get("applications") or ():
        found |= app.get("args") or {}
    return found


def with_numbers(text: str, name: str, numbers: Mapping[Path, int]) -> str:
    """The configuration with these numbers in the deployment ``name``; every other character stays.

    A key that is missing in a mapping that is there is put before its first key. Raises ``Conflict`` where the
    configuration is written in a way (an alias, a key twice) in which more than that would change.

    >>> with_numbers("applications: [{deployments: [{name: a, num_replicas: 1}]}] # ours", "a", {("num_replicas",): 3})
    'applications: [{deployments: [{name: a, num_replicas: 3}]}] # ours'
    """
    node = _deployment_node(text, name)
    edits = sorted((_edit(node, path, number) for path, number in numbers.items()), reverse=True)
    changed = text
    for edit in edits:
        changed = changed[: edit.start] + edit.text + changed[edit.end :]
    if _loaded(changed) != _expected(text, name, numbers):
        raise _unreadable("it is written in a way in which more than the replicas would change")
    return changed


def _edit(node: yaml.MappingNode, path: Path, number: int) -> _Edit:
    for key in path[:-1]:
        inner = _value(node, key)
        if not isinstance(inner, yaml.MappingNode):
            raise _unreadable(f"it has no {key}")
        node = inner
    value = _value(node, path[-1])
    if value is not None:
        return _Edit(value.start_mark.index, value.end_mark.index, str(number))
    if not node.value:
        raise _unreadable(f"it has no {path[-1]}")
    first = node.value[0][0].start_mark
    after = ", " if node.flow_style else f"\n{' ' * first.column}"
    return _Edit(first.index, first.index, f"{path[-1]}: {number}{after}")


def _expected(text: str, name: str, numbers: Mapping[Path, int]) -> Any:
    found = copy.deepcopy(_loaded(text))
    for app in found["applications"]:
        for deployment in app.get("deployments") or ():
            if str(deployment["name"]) == name:
                for path, number in numbers.items():
                    _below(deployment, path[:-1])[path[-1]] = number
    return found


def _below(found: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    for key in path:
        found = found[key]
    return found


def _deployment_node(text: str, name: str) -> yaml.MappingNode:
    root = _composed(text)
    for app in _items(_value(root, "applications")):
        for deployment in _items(_value(app, "deployments")):
            called = _value(deployment, "name")
            if isinstance(called, yaml.ScalarNode) and called.value == name:
                return deployment
    raise _unreadable(f"it has no deployment {name}")


def _items(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    for item in node.value if isinstance(node, yaml.SequenceNode) else ():
        if isinstance(item, yaml.MappingNode):
            yield item


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _composed(text: str) -> yaml.Node | None:
    try:
        found: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as e:
        raise _unreadable("it is not YAML") from e
    return found


def _loaded(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise _unreadable("it is not YAML") from e
    apps = found.get("applications") if isinstance(found, dict) else None
    if not isinstance(apps, list) or not all(_has_named_deployments(app) for app in apps):
        raise _unreadable("it is not a list of applications and deployments")
    return dict(found)


def _has_named_deployments(app: Any) -> bool:
    every = (app.get("deployments") or []) if isinstance(app, dict) else None
    return isinstance(every, list) and all(isinstance(d, dict) and "name" in d for d in every)


def _unreadable(why: str) -> Conflict:
    return Conflict(f"The RayService's serveConfigV2 cannot be edited here: {why}. Change it by helm upgrade.")
