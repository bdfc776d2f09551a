"""What a FHIR R4 server does with a transaction: conditional creates, references between entries, all or nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

Resource = dict[str, Any]


class Refused(Exception):  # noqa: N818
    """The transaction is not done; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def transact(resources: list[Resource], bundle: Resource) -> Resource:
    """Do a transaction (R4 section 3.1.0.11) on ``resources``; raises ``Refused`` and leaves them as they are."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise Refused(400)
    found = [_existing(resources, entry) for entry in bundle["entry"]]
    names = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{old['id'] if old else len(resources) + i + 1000}"
        for i, (entry, old) in enumerate(zip(bundle["entry"], found, strict=True))
    }
    made = []
    for entry, old in zip(bundle["entry"], found, strict=True):
        if old is None:
            resource = _resolved(entry["resource"], names)
            made.append(resource | {"id": names[entry["fullUrl"]].partition("/")[2]})
    _check_references([*resources, *made], made)
    resources += made
    told = [
        {
            "response": {
                "status": "200 OK" if old else "201 Created",
                "location": f"{names[entry['fullUrl']]}/_history/1",
            }
        }
        for entry, old in zip(bundle["entry"], found, strict=True)
    ]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": told}


def _existing(resources: list[Resource], entry: Resource) -> Resource | None:
    """The one resource that a conditional create finds (R4 section 3.1.0.8.1); none: create it; several: 412."""
    request = entry["request"]
    if request["method"] != "POST" or request["url"] != entry["resource"]["resourceType"]:
        raise Refused(400)
    condition = dict(parse_qsl(request["ifNoneExist"])) if "ifNoneExist" in request else None
    if condition is None:
        return None
    if set(condition) != {"identifier"}:
        raise Refused(400)
    system, _, value = condition["identifier"].partition("|")
    wanted = {"system": system, "value": value}
    found = [r for r in resources if r["resourceType"] == request["url"] and wanted in r.get("identifier", [])]
    if len(found) > 1:
        raise Refused(412)
    return found[0] if found else None


def _resolved(node: Any, names: dict[str, str]) -> Any:
    text = json.dumps(node)
    for urn, name in names.items():
        text = text.replace(json.dumps(urn), json.dumps(name))
    return json.loads(text)


def _check_references(there: list[Resource], made: list[Resource]) -> None:
    """Refuse references to what is not there, as servers with referential integrity do."""
    names = {f"{r['resourceType']}/{r['id']}" for r in there}
    for resource in made:
        for reference in _references(resource):
            if not reference.startswith("#") and reference not in names:
                raise Refused(400)


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [r for item in node for r in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["reference"]] if isinstance(node.get("reference"), str) else []
    return own + [r for value in node.values() for r in _references(value)]
