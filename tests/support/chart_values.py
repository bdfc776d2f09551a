"""Writes each chart's closed ``values.schema.json`` from its commented ``values.yaml``; ``--check`` compares instead.

A comment directly above a key describes it. Its lines ``# @schema {…}`` are flow mappings of JSON Schema keywords
(draft-07). ``$ref`` takes in a definition of ``charts/common/definitions.yaml``. Two words are our own: ``each`` is a
pattern of the names in a map whose entries are all like its first, and ``optional`` names keys that may be left out.
Between ``# >>> common/<name>`` and ``# <<< common/<name>`` stands what ``charts/common/values/<name>.yaml`` says, with
the chart's name for ``<chart>``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
Schema = dict[str, Any]

SUBSCHEMA = {"items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"}
SUBSCHEMAS = {"anyOf", "oneOf", "allOf"}
KEYWORDS = (
    SUBSCHEMA
    | SUBSCHEMAS
    | {
        *("$ref", "type", "enum", "const", "format", "pattern", "minLength", "maxLength", "description"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("properties", "required", "minProperties", "maxProperties", "minItems", "maxItems", "uniqueItems"),
    }
)
OWN = {"each", "optional"}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
MARKER = re.compile(r"^( *)# (>>>|<<<) common/([a-z-]+)$")


class ValuesError(Exception):
    """A values file that no schema can be made of; the text says where and why."""


@dataclass(frozen=True)
class Definitions:
    """Named schemas that values refer to."""

    named: dict[str, Schema]

    def resolve(self, schema: Any) -> Any:
        """The schema with definitions in place, and objects that list their properties closed."""
        if not isinstance(schema, dict):
            return schema
        if unknown := sorted(map(str, schema.keys() - KEYWORDS)):
            raise ValuesError(f"no keyword of JSON Schema that is used here: {', '.join(unknown)}")
        if "(?" in str(schema.get("pattern", "")):
            raise ValuesError("Helm's patterns know no (?…)")
        own = {key: self._within(key, value) for key, value in schema.items() if key != "$ref"}
        if "properties" in own:
            own.setdefault("additionalProperties", False)
        if "$ref" not in schema:
            return own
        if schema["$ref"] not in self.named:
            raise ValuesError(f"charts/common/definitions.yaml has no {schema['$ref']}")
        return {**self.resolve(self.named[schema["$ref"]]), **own}

    def _within(self, key: str, value: Any) -> Any:
        if key in SUBSCHEMA:
            return self.resolve(value)
        if key in SUBSCHEMAS:
            return [self.resolve(each) for each in value]
        if key == "properties":
            return {name: self.resolve(each) for name, each in value.items()}
        return value


@dataclass(frozen=True)
class Values:
    """One ``values.yaml``: its lines and what its comments say."""

    lines: list[str]
    definitions: Definitions
    where: str = "values.yaml"
    path: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, text: str, definitions: Definitions, where: str = "values.yaml") -> Values:
        return cls(text.splitlines(), definitions, where)

    def schema(self, title: str, libraries: tuple[str, ...] = ()) -> Schema:
        """The whole schema; raises ``ValuesError`` where the defaults would not pass it."""
        root = yaml.compose("\n".join(self.lines), yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise ValuesError(f"{self.where}: not a mapping")
        values = yaml.safe_load("\n".join(self.lines))
        schema: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": title}
        schema |= self._object(root, values, explained=False, optional=[])
        for name in libraries:  # Helm adds an entry for a library chart by itself; nobody sets it
            entry = {"type": "object", "additionalProperties": False, "properties": {"global": {"type": "object"}}}
            schema["properties"][name] = entry
        jsonschema.Draft7Validator.check_schema(schema)
        for error in jsonschema.Draft7Validator(schema).iter_errors(values):
            raise ValuesError(f"{self.where}: {'.'.join(map(str, error.absolute_path))}: {error.message}")
        return schema

    def _object(self, node: yaml.MappingNode, value: Schema, *, explained: bool, optional: list[str]) -> Schema:
        if unknown := sorted(set(optional) - value.keys()):
            raise ValuesError(f"{self.where}: optional, but not there: {', '.join(unknown)}")
        properties = {
            key.value: self._value(key, child, value[key.value], explained=explained) for key, child in node.value
        }
        required = [key for key in properties if key not in optional]
        return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}

    def _value(self, key: yaml.Node, node: yaml.Node, value: Any, *, explained: bool) -> Schema:
        line = key.start_mark.line
        try:
            within = self.lines[line][: key.start_mark.column].strip()  # of a flow mapping
            description, annotation = ("", {}) if within else self._comment(line)
            if not (description or explained or (isinstance(node, yaml.MappingNode) and node.value)):
                raise ValuesError("no comment explains it")
            own = self.definitions.resolve({k: v for k, v in annotation.items() if k not in OWN})
            said = {"description": description} if description else {}
            schema = self._inferred(node, value, own, annotation, explained=explained or bool(description))
        except ValuesError as e:
            nested = str(e).startswith(self.where)
            raise ValuesError(str(e) if nested else f"{self.where}:{line + 1}: {key.value}: {e}") from e
        return {**said, **schema, **own}

    def _inferred(self, node: yaml.Node, value: Any, own: Schema, annotation: Schema, *, explained: bool) -> Schema:
        """What the default says beyond what the comment says."""
        kind = {} if {"type", "enum", "const", "anyOf", "oneOf"} & own.keys() else {"type": TYPES.get(type(value))}
        if kind == {"type": None}:
            raise ValuesError("null tells no type; say it by @schema {type: …}")
        if "each" in annotation and not value:
            raise ValuesError("each needs one entry to learn from")
        if isinstance(node, yaml.MappingNode):
            free = isinstance(own.get("additionalProperties"), dict) or "properties" in own
            if not (node.value or free):
                raise ValuesError("an empty map needs additionalProperties or properties")
            if free:
                return kind
            if "each" not in annotation:
                return self._object(node, value, explained=explained, optional=annotation.get("optional", []))
            (key, first), *_ = node.value
            entry = self._object(first, value[key.value], explained=explained, optional=annotation.get("optional", []))
            return {**kind, "propertyNames": {"pattern": annotation["each"]}, "additionalProperties": entry}
        if isinstance(value, list) and "items" not in own:
            types = {TYPES.get(type(item)) for item in value}
            if len(types) != 1 or not types <= {"string", "integer", "number", "boolean"}:
                raise ValuesError("say what stands in the list by @schema {items: …}")
            return {**kind, "items": {"type": types.pop()}}
        return kind

    def _comment(self, line: int) -> tuple[str, Schema]:
        """Description and annotation that stand directly above a line."""
        first = line
        while first and self.lines[first - 1].lstrip().startswith("#") and not MARKER.match(self.lines[first - 1]):
            first -= 1
        words: list[str] = []
        annotation: Schema = {}
        for text in (each.strip()[1:].strip() for each in self.lines[first:line]):
            if not text.startswith("@"):
                words.append(text or "\n")
                continue
            try:
                found = yaml.safe_load(text.removeprefix("@schema "))
            except yaml.YAMLError:
                found = None
            if not text.startswith("@schema ") or not isinstance(found, dict):
                raise ValuesError("an annotation is # @schema {keyword: value}")
            annotation |= found
        return re.sub(r" *\n *", "\n", " ".join(words)).strip(), annotation


def with_blocks(text: str, blocks: dict[str, str], chart: str) -> str:
    """The values with shared blocks as they stand in ``charts/common/values``, indented as their markers are."""
    lines: list[str] = []
    inside = ""
    for line in text.splitlines():
        marker = MARKER.match(line)
        if not inside:
            lines.append(line)
        if marker is None:
            continue
        indent, way, name = marker.groups()
        if (way == ">>>") == bool(inside) or (inside and inside != name) or name not in blocks:
            raise ValuesError(f"charts/{chart}/values.yaml: # {way} common/{name} does not fit what stands before it")
        if inside:
            lines.append(line)
        else:
            body = blocks[name].replace("<chart>", chart).strip("\n")
            lines += [indent + each if each else "" for each in body.splitlines()]
        inside = name if way == ">>>" else ""
    if inside:
        raise ValuesError(f"charts/{chart}/values.yaml: # <<< common/{inside} is missing")
    return "\n".join(lines) + "\n"


def generated(chart: Path) -> tuple[str, str]:
    """What ``values.yaml`` and ``values.schema.json`` of a chart should be."""
    common = chart.parent / "common"
    blocks = {path.stem: path.read_text(encoding="utf-8") for path in sorted((common / "values").glob("*.yaml"))}
    definitions = Definitions(yaml.safe_load((common / "definitions.yaml").read_text(encoding="utf-8")))
    about = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    libraries = tuple(each["name"] for each in about.get("dependencies", ()) if each["name"] == "common")
    text = with_blocks((chart / "values.yaml").read_text(encoding="utf-8"), blocks, chart.name)
    values = Values.of(text, definitions, f"charts/{chart.name}/values.yaml")
    schema = values.schema(f"Values of the chart {chart.name}", libraries)
    return text, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("charts", nargs="*", help="names of charts; all that have values.yaml otherwise")
    asked = parser.parse_args()
    names = asked.charts or sorted(path.parent.name for path in CHARTS.glob("*/values.yaml"))
    wrong = []
    for chart in (CHARTS / name for name in names):
        try:
            files = zip(("values.yaml", "values.schema.json"), generated(chart), strict=True)
        except (ValuesError, yaml.YAMLError) as e:
            wrong.append(str(e))
            continue
        for path, text in ((chart / name, text) for name, text in files):
            if asked.check and (not path.is_file() or path.read_text(encoding="utf-8") != text):
                wrong.append(f"{path.relative_to(ROOT)} is not what its comments say: run make charts.")
            elif not asked.check and (not path.is_file() or path.read_text(encoding="utf-8") != text):
                path.write_text(text, encoding="utf-8")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
