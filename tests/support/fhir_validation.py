"""FHIR R4 resources validated by implementations that are not ours.

1. ``fhir.resources`` (R4B), in Python.
2. Medplum's validator (Node): HL7's structure definitions with cardinalities, types and FHIRPath invariants.
3. HL7's own JSON schema of R4.
4. HL7's value sets: every code of an element with a required binding is one of them.

2 to 4 need ``tests/support/install_fhir_validator.py``; tests that use them are skipped with that reason elsewhere.
"""

from __future__ import annotations

import atexit
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from fhir.resources.R4B import get_fhir_model_class

FOLDER = Path(__file__).parents[2] / ".tools" / "fhir_validator"
ABSENT = "needs node and tests/support/install_fhir_validator.py"
IS_THERE = (FOLDER / "installed").is_file() and shutil.which("node") is not None
needs_second = pytest.mark.skipif(not IS_THERE, reason=ABSENT)
Json = dict[str, Any]


def check(resource: Json) -> None:
    """Assert that every implementation at hand takes it, and that it has the narratives that FHIR allows."""
    model = get_fhir_model_class(resource["resourceType"])
    model.model_validate_json(json.dumps(resource))
    for part in _with_narrative(resource):
        check_narrative(part["text"]["div"])
    if IS_THERE:
        assert faults(resource) == []


def faults(resource: Json) -> list[str]:
    """What the second implementation, the schema and the value sets find."""
    return [*_medplum(resource), *_schema(resource), *_codes(resource), *_contained(resource)]


def _contained(resource: Json) -> Iterator[str]:
    """Invariant dom-3, which Medplum leaves out: what is contained is referred to, and the other way round."""
    for part, _ in _resources(resource):
        ids = {f"#{contained['id']}" for contained in part.get("contained", ())}
        text = json.dumps({key: value for key, value in part.items() if key != "contained"})
        named = set(re.findall(r'"reference": "(#[^"]*)"', text)) if part["resourceType"] != "Bundle" else ids
        if named != ids:
            yield f"contained: {sorted(ids ^ named)} in {part['resourceType']}"


def _medplum(resource: Json) -> list[str]:
    node = _node()
    assert node.stdin
    assert node.stdout
    node.stdin.write(json.dumps([resource]) + "\n")
    node.stdin.flush()
    found: list[list[str]] = json.loads(node.stdout.readline())
    return [fault for fault in found[0] if not _UNREAD_REFERENCE.search(fault)]


_UNREAD_REFERENCE = re.compile(r'^warning: Invalid reference: got "(https?:|urn:uuid:[0-9a-f-]{36})", expected')
"""Medplum reads the type of ``Type/id`` only, not of absolute URLs and of URNs, which R4 has in Bundles."""


@cache
def _node() -> subprocess.Popen[str]:
    script = Path(__file__).with_name("fhir_validator.cjs")
    process = subprocess.Popen(
        ["node", str(script), str(FOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(_end, process)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def _read(name: str) -> Any:
    return json.loads((FOLDER / "definitions" / name).read_text("utf-8"))


def _schema(resource: Json) -> list[str]:
    found = _validator(resource["resourceType"]).iter_errors(resource)
    return [f"schema: {error.message[:200]} at {list(error.instance_path)}" for error in found]


@cache
def _validator(kind: str) -> Any:
    import jsonschema_rs

    schema = _read("fhir.schema.json")
    # Medplum adds types of its own, which refer to definitions that are not there; no resource of R4 leads to them.
    definitions = {name: {} for name in ("Resource", "base", "integer64")} | schema["definitions"]
    root = {"$schema": schema["$schema"], "definitions": definitions, "$ref": f"#/definitions/{kind}"}
    return jsonschema_rs.validator_for(root)


def _codes(resource: Json) -> list[str]:
    return [fault for part, kind in _resources(resource) for fault in _codes_of(part, kind, kind)]


def _resources(resource: Json) -> Iterator[tuple[Json, str]]:
    yield resource, resource["resourceType"]
    for contained in resource.get("contained", ()):
        yield contained, contained["resourceType"]
    for entry in resource.get("entry", ()):
        if "resource" in entry:
            yield from _resources(entry["resource"])


def _codes_of(node: Any, path: str, kind: str) -> Iterator[str]:
    """Walk an element along the definitions; ``path`` is that of its definition."""
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name in ("resourceType", "contained", "resource"):
            continue
        element = _elements().get(f"{path}.{name}")
        if element is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if element["codes"] is not None and isinstance(item, str) and item not in element["codes"]:
                yield f"code: {item!r} at {path}.{name} is none of {element['binding']}"
            if isinstance(item, dict) and "code" in item and "system" in item:
                yield from _coding(item)
            yield from _codes_of(item, element["type"] or f"{path}.{name}", kind)


def _coding(coding: Json) -> Iterator[str]:
    """A code of a system that HL7 lists here is one of it, under its display."""
    system = _terminology().get(("CodeSystem", coding["system"]))
    if system and system.get("content") == "complete":
        displays = dict(_concepts_with_displays(system["concept"]))
        if coding["code"] not in displays:
            yield f"code: {coding['code']!r} is none of {coding['system']}"
        elif "display" in coding and coding["display"].lower() != displays[coding["code"]].lower():
            yield f"code: {coding['code']!r} of {coding['system']} is {displays[coding['code']]!r}"


@cache
def _elements() -> dict[str, dict[str, Any]]:
    """Elements by path: the type whose definition goes on, and the codes of a required binding."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("profiles-types.json", "profiles-resources.json"):
        for entry in _read(name)["entry"]:
            definition = entry["resource"]
            if definition["resourceType"] != "StructureDefinition" or definition.get("derivation") == "constraint":
                continue
            for element in definition["snapshot"]["element"]:
                types = [t["code"] for t in element.get("type", ())]
                for path, kind in _spelled(element["path"], types):
                    found[path] = {"type": kind} | _binding(element)
    return found


def _spelled(path: str, types: list[str]) -> Iterator[tuple[str, str]]:
    """Path and type of an element as JSON has it: ``value[x]`` once for each type."""
    inner = ("BackboneElement", "Element")
    if path.endswith("[x]"):
        yield from ((f"{path[:-3]}{kind[0].upper()}{kind[1:]}", kind) for kind in types)
    else:
        yield path, "" if not types or types[0] in inner else types[0]


def _binding(element: Json) -> dict[str, Any]:
    binding = element.get("binding", {})
    if binding.get("strength") != "required":
        return {"codes": None, "binding": ""}
    url = binding["valueSet"].partition("|")[0]
    return {"codes": _value_set(url), "binding": url}


@cache
def _value_set(url: str) -> frozenset[str] | None:
    """All codes of a value set; ``None`` where HL7 does not list them here (languages, MIME types, units)."""
    value_set = _terminology().get(("ValueSet", url))
    codes: set[str] = set()
    for include in (value_set or {}).get("compose", {}).get("include", [{}]):
        system = _terminology().get(("CodeSystem", include.get("system", "")))
        if "concept" in include:
            codes |= {concept["code"] for concept in include["concept"]}
        elif system and "filter" not in include and system.get("concept"):
            codes |= set(_concepts(system["concept"]))
        else:
            return None
    return frozenset(codes)


def _concepts(concepts: list[Json]) -> Iterator[str]:
    return (code for code, _ in _concepts_with_displays(concepts))


def _concepts_with_displays(concepts: list[Json]) -> Iterator[tuple[str, str]]:
    for concept in concepts:
        yield concept["code"], concept.get("display", "")
        yield from _concepts_with_displays(concept.get("concept", []))


@cache
def _terminology() -> dict[tuple[str, str], Json]:
    return {
        (entry["resource"]["resourceType"], entry["resource"].get("url", "")): entry["resource"]
        for name in ("valuesets.json", "v2-tables.json", "v3-codesystems.json")
        for entry in _read(name)["entry"]
    }


def _with_narrative(resource: Json) -> Iterator[Json]:
    yield from (part for part, _ in _resources(resource) if "text" in part and "div" in part["text"])


XHTML = "{http://www.w3.org/1999/xhtml}"
ALLOWED = frozenset(("div", "p", "b", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td"))
"""Of what FHIR R4 section 2.3.1 allows, what we use; no element of ours has an attribute."""


def check_narrative(div: str) -> None:
    """Assert that a narrative is XHTML of plain elements, also for a parser of HTML, and says something."""
    root = ElementTree.fromstring(div)
    for element in root.iter():
        assert element.tag.removeprefix(XHTML) in ALLOWED
        assert not element.attrib
    assert "".join(root.itertext()).strip()
    reader = _Tags()
    reader.feed(div)
    assert reader.tags <= ALLOWED
    assert not reader.attributes - {"xmlns"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
