"""From a commented values.yaml to a closed schema: what its comments and defaults say, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.chart_values import CHARTS, Definitions, Values, ValuesError, generated, with_blocks
from support.helm import APPLICATIONS, ROOT

DEFINITIONS = Definitions(
    {
        "memory": {"type": "string", "pattern": "^[0-9]+Mi$"},
        "sizes": {"type": "array", "items": {"$ref": "memory"}},
    }
)


def schema_of(text: str) -> dict[str, Any]:
    return Values.of(text, DEFINITIONS).schema("Values")


def value(text: str) -> dict[str, Any]:
    """The schema of the one value in the text, without its description."""
    [found] = schema_of(text)["properties"].values()
    found.pop("description", None)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# x\na: true", {"type": "boolean"}),
        ("# x\na: 1", {"type": "integer"}),
        ("# x\na: 1.5", {"type": "number"}),
        ("# x\na: ''", {"type": "string"}),
        ("# x\n# @schema {minimum: 0, maximum: 9}\na: 1", {"type": "integer", "minimum": 0, "maximum": 9}),
        ("# x\n# @schema {type: number}\na: 1", {"type": "number"}),
        ("# x\n# @schema {enum: [hpa, keda]}\na: hpa", {"enum": ["hpa", "keda"]}),
        ("# @schema {minimum: 0}\n# x\n# @schema {maximum: 9}\na: 1", {"type": "integer", "minimum": 0, "maximum": 9}),
        ("# x\n# @schema {$ref: memory}\na: 1Mi", {"type": "string", "pattern": "^[0-9]+Mi$"}),
        (
            "# x\n# @schema {$ref: sizes, minItems: 1}\na: [1Mi]",
            {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+Mi$"}, "minItems": 1},
        ),
        ("# x\na: [b, c]", {"type": "array", "items": {"type": "string"}}),
        (
            "# x\n# @schema {additionalProperties: {type: string}}\na: {}",
            {"type": "object", "additionalProperties": {"type": "string"}},
        ),
        (
            "# x\n# @schema {items: {properties: {b: {type: string}}}}\na: []",
            {"type": "array", "items": {"properties": {"b": {"type": "string"}}, "additionalProperties": False}},
        ),
        (
            "# x\na:\n  # y\n  # @schema {type: [integer, 'null']}\n  b: null",
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["b"],
                "properties": {"b": {"description": "y", "type": ["integer", "null"]}},
            },
        ),
        (
            "# x\n# @schema {each: '^[a-z]+$', optional: [c], minProperties: 1}\na: {first: {b: 1, c: ''}}",
            {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z]+$"},
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["b"],
                    "properties": {"b": {"type": "integer"}, "c": {"type": "string"}},
                },
            },
        ),
        (
            "# x\n# @schema {additionalProperties: true}\na: {b: 1}",
            {
                "type": "object",
                "additionalProperties": True,
                "required": ["b"],
                "properties": {"b": {"type": "integer"}},
            },
        ),
    ],
)
def test_comments_and_defaults_make_the_schema(text: str, expected: dict[str, Any]):
    assert value(text) == expected


def test_the_comment_directly_above_is_the_description():
    text = "# The file.\n\n# One line\n# and another.\n#\n# A paragraph.\n# @schema {minimum: 0}\na: 1\n# Next.\nb: 2\n"
    found = schema_of(text)["properties"]
    assert found["a"]["description"] == "One line and another.\nA paragraph."
    assert found["b"]["description"] == "Next."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1", "1: a: no comment explains it"),
        ("a:\n  b: 1", "2: b: no comment explains it"),
        ("# x\n# @schema {minimun: 0}\na: 1", "3: a: no keyword of JSON Schema that is used here: minimun"),
        ("# x\n# @schema {items: {patern: x}}\na: []", "patern"),
        ("# x\n# @schema {$ref: memroy}\na: 1Mi", "3: a: charts/common/definitions.yaml has no memroy"),
        ("# x\n# @schema {items: {$ref: memroy}}\na: []", "memroy"),
        ("# x\n# @schem {minimum: 0}\na: 1", "an annotation is"),
        ("# x\n# @schema minimum\na: 1", "an annotation is"),
        ("# x\n# @schema {pattern: '^(?!x)'}\na: y", "Helm's patterns"),
        ("# x\na: null", "null tells no type"),
        ("# x\na: []", "what stands in the list"),
        ("# x\na: [1, b]", "what stands in the list"),
        ("# x\na: {}", "an empty map"),
        ("# x\n# @schema {each: '^a$'}\na: {}", "each needs one entry"),
        ("# x\n# @schema {optional: [c]}\na: {b: 1}", "optional, but not there: c"),
        ("# x\n# @schema {maximum: 0}\na: 1", "a: 1 is greater than the maximum of 0"),
        ("# x\n# @schema {each: '^[a-z]+$'}\na: {B: {c: 1}}", "'B' does not match"),
        ("# x\n# @schema {each: '^[a-z]+$'}\na: {b: {c: 1}, d: {e: 1}}", "a.d"),
        ("- a", "not a mapping"),
    ],
)
def test_what_no_schema_can_be_made_of_is_refused_with_its_place(text: str, said: str):
    with pytest.raises(ValuesError) as refused:
        schema_of(text)
    assert str(refused.value).startswith("values.yaml:")
    assert said in str(refused.value)


def test_a_word_that_json_schema_does_not_take_is_refused():
    with pytest.raises(jsonschema.SchemaError):
        schema_of("# x\n# @schema {minimum: few}\na: 1")


def test_a_shared_block_is_copied_with_the_charts_name_and_its_indentation():
    text = "a: 1\n  # >>> common/image\n  stale: true\n  # <<< common/image\nb: 2\n"
    found = with_blocks(text, {"image": "# x\nname: t-<chart>\n\ntag: ''\n"}, "notes")
    assert found == ("a: 1\n  # >>> common/image\n  # x\n  name: t-notes\n\n  tag: ''\n  # <<< common/image\nb: 2\n")
    assert with_blocks(found, {"image": "# x\nname: t-<chart>\n\ntag: ''\n"}, "notes") == found


@pytest.mark.parametrize(
    "text",
    [
        "# >>> common/image\n",
        "# <<< common/image\n",
        "# >>> common/imag\n# <<< common/imag\n",
        "# >>> common/image\n# >>> common/pods\n# <<< common/pods\n# <<< common/image\n",
        "# >>> common/image\n# <<< common/pods\n",
    ],
)
def test_a_block_that_does_not_end_or_does_not_exist_is_refused(text: str):
    with pytest.raises(ValuesError, match="common/"):
        with_blocks(text, {"image": "", "pods": ""}, "notes")


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_each_chart_has_the_values_and_the_schema_that_its_comments_make(chart: str):
    values, schema = generated(CHARTS / chart)
    assert (CHARTS / chart / "values.yaml").read_text(encoding="utf-8") == values
    assert (CHARTS / chart / "values.schema.json").read_text(encoding="utf-8") == schema


def test_check_says_which_file_is_not_as_its_comments_say(tmp_path: Path):
    tool = tmp_path / "tests" / "support" / "chart_values.py"
    tool.parent.mkdir(parents=True)
    tool.write_bytes((ROOT / "tests" / "support" / "chart_values.py").read_bytes())
    chart, common = tmp_path / "charts" / "notes", tmp_path / "charts" / "common"
    chart.mkdir(parents=True)
    common.mkdir()
    (common / "definitions.yaml").write_text("port: {type: integer}\n", encoding="utf-8")
    (chart / "Chart.yaml").write_text("name: notes\ndependencies: [{name: common}]\n", encoding="utf-8")
    (chart / "values.yaml").write_text("# x\n# @schema {$ref: port}\na: 1\n", encoding="utf-8")
    before = run(tool, "--check")
    assert before.returncode == 1
    assert "charts/notes/values.schema.json is not what its comments say" in before.stderr
    assert run(tool).returncode == 0
    assert run(tool, "--check").returncode == 0
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"]["common"]["additionalProperties"] is False  # what Helm adds for the library
    (chart / "values.yaml").write_text("# x\n# @schema {$ref: prot}\na: 1\n", encoding="utf-8")
    broken = run(tool)
    assert "values.yaml:3: a: charts/common/definitions.yaml has no prot" in broken.stderr


def run(tool: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(tool), *words], capture_output=True, text=True, timeout=60, check=False)


SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.text("abc", max_size=3))
NAMES = st.text("abcdef", min_size=1, max_size=3)
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8)


def lines(tree: dict[str, Any], indent: str = "") -> list[str]:
    found = []
    for key, item in tree.items():
        found.append(f"{indent}# x")
        found += [f"{indent}{key}:", *lines(item, indent + "  ")] if isinstance(item, dict) else []
        found += [] if isinstance(item, dict) else [f"{indent}{key}: {json.dumps(item)}"]
    return found


def places(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [tree, *(place for item in tree.values() if isinstance(item, dict) for place in places(item))]


@given(tree=st.dictionaries(NAMES, TREES, min_size=1, max_size=3), data=st.data())
def test_defaults_pass_and_one_key_more_or_less_anywhere_does_not(tree: dict[str, Any], data: st.DataObject):
    schema = schema_of("\n".join(lines(tree)))
    assert not list(jsonschema.Draft7Validator(schema).iter_errors(tree))
    changed = json.loads(json.dumps(tree))
    place = data.draw(st.sampled_from(places(changed)))
    if data.draw(st.booleans()):
        place["unknown"] = 1
    else:
        del place[data.draw(st.sampled_from(sorted(place)))]
    assert list(jsonschema.Draft7Validator(schema).iter_errors(changed))
