"""Damage to a FHIR record: to its bytes, to its JSON, and to what holds its resources."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from support.rich_record import SERVER, name_of

Node = dict[str, Any] | list[Any]
Spot = tuple[Node, Any]
"""An object or a list, and the key or the index of something in it."""

_RAW = "@@raw@@"
_TWIN = "@@twin@@"
_OTHER = "Patient/p2"

ODD_BYTES = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\n", b'"', b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[", b"]"),
    *(b",", b":", b"null", b"NaN", b"1e999999999", b"-", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"\xc3", b"\xa0"),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.1, 1e300, -1e-300, 2**63, 10**30, "", " ", "0", "NaN", "null", "\ud800", "\u0000"),
    *("\u202e", "e\u0301", "\U0001f600", "x" * 70_000, [], {}, [[]], [{}], [None], {"value": 1}, "#", "#x", "/", "<"),
    *("2026", "2026-13", "2026-02-30", "0000-01-01", "9999-12-31", "2026-03-28T24:00:00Z", "2026-03-28T23:59:60-12:00"),
    *("2026-03-29T00:00:00+14:00", "2099-01-01", "-", "Observation", "Patient", "http://loinc.org", "718-7", "g/dL"),
    *("10*9/L", "%", "final", "entered-in-error", "Patient/p1", _OTHER, "urn:uuid:p1", f"{SERVER}/{_OTHER}"),
    *("Group/g1", "Observation/kras", "http://", "urn:oid:1.2", "٣", "１２", "İ", "ﬀ"),
)
RAW_VALUES = (
    *("NaN", "-Infinity", "1e400", "1e-400", "1E999999999", "-0", "-0.0", "1.000000000000000000000000000001"),
    *("9" * 30, "9" * 5000, "0." + "0" * 500 + "1", "[" * 90 + "]" * 90, "[" * 200 + "]" * 200),
    '{"extension":[' * 2000 + "1" + "]}" * 2000,
)
STATUSES = (
    *("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"),
    *("active", "on-hold", "stopped", "completed", "draft", "not-done", "in-progress", "intended", "not-taken"),
    *("partial", "preparation", "Final", "final "),
)
KEYS = (
    *("status", "code", "subject", "value", "valueQuantity", "valueString", "valueInteger", "valueRange", "component"),
    *("valueCodeableConcept", "dataAbsentReason", "effectiveDateTime", "effectivePeriod", "issued", "id", "meta"),
    *("resourceType", "contained", "extension", "modifierExtension", "implicitRules", "focus", "hasMember"),
    *(
        "identifier",
        "reference",
        "unit",
        "system",
        "comparator",
        "specimen",
        "stage",
        "_status",
        "Status",
        "",
        "\ud800",
    ),
)
DATED = ("effectiveDateTime", "recordedDate", "onsetDateTime", "start", "end", "authoredOn", "performedDateTime")
DATES = (
    *("2026-03-29", "2026-03", "2026", "2027-01", "2031-01-01T00:00:00Z", "2026-03-28T23:59:59-12:00", "1899-12-31"),
    *("2026-03-28", "2026-03-01", "2025-13"),
)
BUNDLE_TYPES = (
    *("document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset"),
    *("collection", "subscription-notification", ""),
)


def spots(root: Any) -> list[Spot]:
    """Every place below ``root``."""
    found: list[Spot] = []
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, (dict, list)):
            for key in node if isinstance(node, dict) else range(len(node)):
                found.append((node, key))
                todo.append(node[key])
    return found


def written(root: Any, random: Random) -> bytes:
    """JSON in one of the ways to write it, with what JSON cannot hold."""
    style = random.choice([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
    text = json.dumps(root, **style).replace(f'"{_TWIN}', '"')
    for i, raw in enumerate(RAW_VALUES):
        text = text.replace(f'"{_RAW}{i}"', raw)
    return text.encode("utf-8", "surrogatepass")


def _leaves(root: Any) -> list[Spot]:
    return [(node, key) for node, key in spots(root) if not isinstance(node[key], (dict, list))]


def _named(root: Any, *keys: str) -> list[Spot]:
    return [(node, key) for node, key in spots(root) if key in keys and isinstance(node, dict)]


def _swap(random: Random, places: list[Spot]) -> None:
    if len(places) > 1:
        (a, i), (b, j) = random.sample(places, 2)
        a[i], b[j] = b[j], a[i]


def drop(random: Random, root: Any) -> None:
    """Leave something out."""
    node, key = random.choice(spots(root))
    del node[key]


def set_value(random: Random, root: Any) -> None:
    """Put an odd value in the place of another."""
    node, key = random.choice(spots(root))
    node[key] = copy.deepcopy(random.choice(ODD_VALUES))


def set_leaf(random: Random, root: Any) -> None:
    """Put an odd value in the place of a leaf."""
    node, key = random.choice(_leaves(root) or spots(root))
    node[key] = copy.deepcopy(random.choice(ODD_VALUES))


def set_raw(random: Random, root: Any) -> None:
    """Put what JSON hardly knows in the place of something."""
    node, key = random.choice(_leaves(root) or spots(root))
    node[key] = f"{_RAW}{random.randrange(len(RAW_VALUES))}"


def rename_key(random: Random, root: Any) -> None:
    """Give a key another name, perhaps one that stands there already."""
    node, key = random.choice(spots(root))
    if isinstance(node, dict):
        value = node.pop(key)
        node[random.choice([*KEYS, *node, str(key)[::-1], str(key).upper()])] = value


def twin_key(random: Random, root: Any) -> None:
    """Let a key stand twice, with the same value or another."""
    node, key = random.choice(spots(root))
    if isinstance(node, dict):
        node[f"{_TWIN}{key}"] = random.choice([node[key], *ODD_VALUES[:20]])


def add_key(random: Random, root: Any) -> None:
    """Add an element that may or may not belong there."""
    node, _ = random.choice(spots(root))
    if isinstance(node, dict):
        taken, name = random.choice(spots(root))
        node[random.choice(KEYS)] = copy.deepcopy(random.choice([taken[name], random.choice(ODD_VALUES)]))


def swap_values(random: Random, root: Any) -> None:
    """Swap what stands in two places."""
    _swap(random, _leaves(root))


def swap_alike(random: Random, root: Any) -> None:
    """Swap two elements of one name: dates, units, codes, ids, references, statuses."""
    name = random.choice(
        ["effectiveDateTime", "unit", "code", "id", "reference", "status", "system", "value", "subject", "fullUrl"]
    )
    _swap(random, _named(root, name))


def copy_over(random: Random, root: Any) -> None:
    """Put a copy of something in the place of something else."""
    places = spots(root)
    (node, key), (other, name) = random.choice(places), random.choice(places)
    node[key] = copy.deepcopy(other[name])


def wrap(random: Random, root: Any) -> None:
    """Put a list around something, or take one away."""
    node, key = random.choice(spots(root))
    value = node[key]
    node[key] = value[0] if isinstance(value, list) and value else [value]


def repeat(random: Random, root: Any) -> None:
    """Let an item of a list stand more than once."""
    lists = [node[key] for node, key in spots(root) if isinstance(node[key], list) and node[key]]
    if lists:
        chosen = random.choice(lists)
        chosen += [copy.deepcopy(random.choice(chosen)) for _ in range(random.choice([1, 2, 50]))]


def change_status(random: Random, root: Any) -> None:
    """Another status, right or wrong for the resource."""
    found = _named(root, "status")
    for node, key in random.sample(found, min(3, len(found))):
        node[key] = random.choice(STATUSES)


def change_subject(random: Random, root: Any) -> None:
    """Make something another patient's."""
    found = [(node, key) for node, key in _named(root, "reference") if str(node[key]).startswith("Patient/")]
    for node, key in random.sample(found, min(3, len(found))):
        node[key] = random.choice([_OTHER, f"{SERVER}/{_OTHER}", "Patient/p1/_history/2", "Group/g1", "#p1", ""])


def change_date(random: Random, root: Any) -> None:
    """Another date, perhaps after the index date."""
    found = _named(root, *DATED)
    for node, key in random.sample(found, min(3, len(found))):
        node[key] = random.choice(DATES)


JSON_MUTATORS: tuple[Callable[[Random, Any], None], ...] = (
    *(drop, set_value, set_leaf, set_raw, rename_key, twin_key, add_key, swap_values, swap_alike, copy_over, wrap),
    *(repeat, change_status, change_subject, change_date),
)


def damaged_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """Flip, cut, double, insert or splice, here and there."""
    for _ in range(random.choice([1, 1, 2, 5])):
        at, size = random.randrange(len(data) + 1), random.choice([1, 2, 10, 200, 5000])
        kind = random.randrange(6)
        if kind == 0 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[at + size :]
        elif kind == 2:
            data = data[:at] + data[at : at + size] + data[at:]
        elif kind == 3:
            data = data[:at] + random.choice(ODD_BYTES) + data[at:]
        elif kind == 4:
            data = data[:at] + other[random.randrange(len(other) + 1) :]
        else:
            data = data[:at]
    return data


def contained_in(random: Random, entries: list[Any]) -> bytes | list[bytes]:
    """The entries as a Bundle of some type, pages of one, newline-delimited JSON, or one resource."""
    kind = random.randrange(8)
    if kind < 4 or not entries:
        return _decorated(random, written(_bundle(random, entries), random))
    if kind < 6:
        cuts = sorted(random.randrange(len(entries) + 1) for _ in range(random.choice([0, 1, 3])))
        parts = [entries[a:b] for a, b in zip([0, *cuts], [*cuts, len(entries)], strict=True)]
        return [written(_bundle(random, part), random) for part in parts]
    resources = [entry.get("resource") if isinstance(entry, dict) else entry for entry in entries]
    if kind == 6:
        return _decorated(random, written(random.choice(resources), random))
    return _lines(random, resources)


def _bundle(random: Random, entries: list[Any]) -> Any:
    kind = random.choice(BUNDLE_TYPES)
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind, "entry": entries}
    if kind in ("history", "transaction", "batch") or random.random() < 0.05:
        bundle["entry"] = [_requested(random, entry) for entry in entries]
    if random.random() < 0.1:
        bundle["link"] = [{"relation": random.choice(["next", "self"]), "url": f"{SERVER}?page=2"}]
    return bundle


def _requested(random: Random, entry: Any) -> Any:
    """The entry with the request that made it; some say that it is gone."""
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict) or random.random() < 0.5:
        return entry
    try:
        url = name_of(entry["resource"])
    except KeyError:
        url = "Observation"
    if random.random() < 0.1:
        return {"fullUrl": entry.get("fullUrl", ""), "request": {"method": "DELETE", "url": url}}
    return entry | {"request": {"method": "PUT", "url": url}, "response": {"status": "200 OK"}}


def _lines(random: Random, resources: list[Any]) -> bytes:
    lines = [json.dumps(r).replace(f'"{_TWIN}', '"').encode("utf-8", "surrogatepass") for r in resources]
    for _ in range(random.choice([0, 0, 1, 3])):
        at = random.randrange(len(lines) + 1)
        lines.insert(at, random.choice([b"", b"   ", b"null", b"{", b"[]", b"\xff\xfe", b'"x"', b'{"resourceType":1}']))
    return _decorated(random, random.choice([b"\n", b"\r\n"]).join(lines) + random.choice([b"", b"\n"]))


def _decorated(random: Random, data: bytes) -> bytes:
    return random.choice([b"", b"", b"", b"", b"\xef\xbb\xbf", b"\n", b" \r\n\t"]) + data


def entries_with(random: Random, entries: list[Any]) -> Iterator[Any]:
    """The entries under one of the ways to name them: absolute, urn:uuid, or none."""
    style = random.randrange(4)
    for entry in entries:
        if style == 0 and isinstance(entry, dict):
            yield {key: value for key, value in entry.items() if key != "fullUrl"}
        else:
            yield entry
