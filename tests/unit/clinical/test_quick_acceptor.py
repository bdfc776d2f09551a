"""What the quick acceptor takes, the models of fhir.resources take too; and it takes what is usual."""

import copy
import json
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fhir_core.types import FhirElementOrResourceBase
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.records import LOINC, SNOMED, concept, condition, medication, observation, patient
from tumorcast_clinical.model.record.json_reader import Ambiguous
from tumorcast_clinical.model.validation.compile import MAX_SHAPES, shapes_kept
from tumorcast_clinical.model.validation.lexical import MAX_VERDICTS, Verdicts
from tumorcast_clinical.model.validation.quick import accepts
from tumorcast_clinical.model.validation.resource_types import model_of
from tumorcast_training.simulator import fhir_writer
from tumorcast_training.simulator.patient import draw_patient

MCODE = Path(__file__).parents[4] / "shared" / "data" / "fhir_mcode"
TYPES = (
    *("Observation", "Condition", "Patient", "MedicationRequest", "MedicationStatement", "MedicationAdministration"),
    *("Medication", "Procedure", "FamilyMemberHistory", "DiagnosticReport", "Specimen", "DocumentReference", "Consent"),
)
BIG = 10**5000  # more digits than Python writes out
USUAL: dict[str, list[Any]] = {
    "base64Binary": ["QUJD", "QUI=", "QQ=="],
    "canonical": ["http://hl7.org/fhir/ValueSet/x|4.0.1"],
    "code": ["final", "10*9/L", "two words", "%"],
    "date": ["2026", "2024-02", "2024-02-29", "1931-12-31"],
    "dateTime": ["2026", "2024-02", "2024-02-29", "2026-03-01T10:00:00Z", "2026-03-01T23:59:59.1234567-14:00"],
    "decimal": [0, -3, 7, Decimal("1.00"), Decimal("-0.0"), Decimal("1E-7"), Decimal("1E+400"), Decimal("0E+3")],
    "id": ["p1", "a-B.9", "x" * 64],
    "instant": ["2026-03-01T10:00:00Z", "2026-03-01T00:00:00.001+05:30"],
    "integer": [0, -(2**31), 2**31 - 1],
    "markdown": ["*text*\nand more", "ä"],
    "oid": ["urn:oid:1.2.840.0.10008"],
    "positiveInt": [1, 2**31 - 1],
    "string": ["Patient/p1", " leading", "Größe 🧬", "a\tb\n", "\x7f", "trailing "],
    "time": ["00:00:00", "23:59:59.999999999"],
    "unsignedInt": [0, 2**31 - 1],
    "uri": [LOINC, "urn:uuid:0", "relative/path#x"],
    "url": ["https://example.org/Binary/1"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">text</div>'],
}
ODD_STRINGS = [
    *(
        "",
        " ",
        "\n",
        "\x1c",
        "\x85",
        "\u3000",
        "\x00",
        "\ud800",
        "a\udfff",
        "a ",
        " a",
        "a  b",
        "a\nb",
        "a\n",
        "ä",
        "a_b",
    ),
    *("x" * 65, "x" * 256, "yes", "true", "1", "5", "-0", "01", "1.5", "1e5", "NaN", "Infinity", "٣", "null"),
    *("0000", "0001", "0999", "9999", "2026-00", "2026-13", "2026-13-40", "2026-02-30", "2023-02-29", "1900-02-29"),
    *("2026-1-1", "26-01-01", "2026-03-01 ", "2026-03-01\n", "2026/03/01", "٢٠٢٦", "20260301", "2026-03-01Z"),
    *("2026-03-01T10:00Z", "2026-03-01T10:00:00", "2026-03-01t10:00:00z", "2026-03-01 10:00:00Z"),
    *("2026-03-01T24:00:00Z", "2026-12-31T23:59:60Z", "2026-03-01T10:60:00Z", "2026-02-30T10:00:00Z"),
    *("2026-03-01T10:00:00+14:01", "2026-03-01T10:00:00+1400", "2026-03-01T10:00:00.Z", "2026-03-01T10:00:00,5Z"),
    *("2026-03-01T10:00:00.1234567890123Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("24:00:00", "10:00", "23:59:60", "10:00:00Z", "10:00:00.1234567890", "1:00:00"),
    *("A", "AB=", "A===", "=ABC", "AB==CD==", "ab-_", "QUJD\n", "!!!!", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.02"),
    *("http://a b", "http://[", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", '{"text": "x"}', "{}", "[]"),
]
ODD_VALUES: list[Any] = [
    *(None, [], {}, [None], ["x", None], [[]], [["final"]], {"id": ""}, {"text": "x"}, {"x": 1}, ["final", "final"]),
    *(True, False, 0, -1, 1, 2, 2**31, -(2**31) - 1, 2**63, 10**18, BIG, -BIG, 1700000000),
    *(Decimal("5"), Decimal("5.0"), Decimal("NaN"), Decimal("-Infinity"), Decimal("sNaN"), Decimal("1E+999999")),
    *(1.0, 1.5, 1e300, 1e-300, float("nan"), float("inf"), Ambiguous({"text": "x"}), Ambiguous()),
    *(
        {"resourceType": "Patient"},
        {"resourceType": "Foo"},
        {"resourceType": 1},
        {"resourceType": []},
        b"QUJD",
        object(),
    ),
]
ODD_KEYS = (
    *("_status", "_id", "status__ext", "resource_type", "fhir_comments", "class_fhir", "modifierExtension"),
    *("implicitRules", "foo", "", "\ud800", "self", "ID", "id ", "extension", "contained", "resourceType"),
)


def kind_of(annotation: Any) -> tuple[Any, bool]:
    """A field's FHIR type name or its model's type, and whether it is a list; independent of what is tested."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return kind_of(next(part for part in typing.get_args(annotation) if part is not type(None)))
    if typing.get_origin(annotation) is list:
        return kind_of(typing.get_args(annotation)[0])[0], True
    if annotation is bool:
        return "boolean", False
    if isinstance(annotation, type):
        return annotation, False
    return getattr(typing.get_args(annotation)[-1], "__visit_name__", "unknown"), False


@st.composite
def usual_objects(draw: st.DrawFn, model: Any, depth: int = 0) -> dict[str, Any]:
    """An object as the model describes it, with few optional elements, each of a usual spelling."""
    blank = model.model_construct()
    fields = {f.alias: f for f in model.model_fields.values() if not f.alias.startswith("_")}
    groups = [[model.model_fields[n].alias for n in names] for names in blank.get_one_of_many_fields().values()]
    required = {name for name, _ in blank.get_required_fields()}
    required |= {alias for alias, field in fields.items() if field.is_required()}
    single = [name for name in fields if not any(name in group for group in groups) and name in _drawable(fields)]
    chosen = set(draw(st.lists(st.sampled_from(single), max_size=max(1, 4 - depth), unique=True))) | required
    if depth >= 3:
        chosen = {n for n in chosen if n in required or not isinstance(kind_of(fields[n].annotation)[0], type)}
    for group in groups:
        must = fields[group[0]].json_schema_extra["one_of_many_required"]
        if must or (depth < 3 and draw(st.booleans())):
            chosen.add(draw(st.sampled_from([name for name in group if name in _drawable(fields)])))
    made = {name: draw(_values(fields[name].annotation, depth)) for name in sorted(chosen)}
    if model.has_resource_base():
        made = {"resourceType": model.get_resource_type()} | made
    return made or {"id": "e1"}


def _drawable(fields: dict[str, Any]) -> set[str]:
    kinds = {name: kind_of(field.annotation)[0] for name, field in fields.items()}
    left_out = {"fhir_comments", "modifierExtension", "implicitRules"}
    return {n for n, k in kinds.items() if n not in left_out and (isinstance(k, type) or k in USUAL or k == "boolean")}


def _values(annotation: Any, depth: int) -> st.SearchStrategy[Any]:
    kind, is_list = kind_of(annotation)
    if kind == "boolean":
        one: st.SearchStrategy[Any] = st.booleans()
    elif isinstance(kind, str):
        one = st.sampled_from(USUAL[kind])
    elif issubclass(kind, FhirElementOrResourceBase):
        one = st.sampled_from(["Patient", "Specimen", "Medication"]).flatmap(
            lambda name: usual_objects(model_of(name), depth + 2)
        )
    else:
        one = usual_objects(kind.get_model_klass(), depth + 1)
    return st.lists(one, min_size=1, max_size=2) if is_list else one


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each container with each of its keys or positions."""
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in steps:
        yield node, step
        yield from places(value)


@st.composite
def near_valid(draw: st.DrawFn, model: Any) -> dict[str, Any]:
    """A usual resource, one to three places of which are dropped, replaced, repeated or joined by something."""
    resource = copy.deepcopy(draw(usual_objects(model)))
    for _ in range(draw(st.integers(1, 3))):
        node, step = draw(st.sampled_from(list(places(resource)) or [(resource, "foo")]))
        usual = [value for values in USUAL.values() for value in values]
        odd = copy.deepcopy(draw(st.sampled_from([*ODD_STRINGS, *ODD_VALUES]) | st.sampled_from(usual)))
        change = draw(st.sampled_from(("drop", "replace", "replace", "wrap", "add", "add known")))
        if change == "drop":
            node.pop(step, None) if isinstance(node, dict) else node.pop(step)
        elif change == "replace":
            node[step] = odd
        elif change == "wrap":
            node[step] = [node[step]] if step in node or isinstance(node, list) else odd
        elif isinstance(node, dict):
            known = [f.alias for f in model.model_fields.values()]
            node[draw(st.sampled_from(ODD_KEYS if change == "add" else known))] = odd
    return resource


def is_taken_by_model(resource: Any, type_name: str) -> bool:
    try:
        model_of(type_name).model_validate(copy.deepcopy(resource))
    except Exception:
        return False
    return True


def is_clean(node: Any) -> bool:
    """Nothing in it that the slow path looks for."""
    if isinstance(node, dict):
        keys = {"modifierExtension", "implicitRules"}.isdisjoint(node)
        return type(node) is dict and bool(node) and keys and all(map(is_clean, node.values()))
    if isinstance(node, list):
        return bool(node) and all(map(is_clean, node))
    return (
        node is not None and node != "" and not (isinstance(node, str) and any("\ud800" <= c <= "\udfff" for c in node))
    )


# --- sound -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_name", TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_accepted_the_model_takes_unchanged(type_name: str, data: st.DataObject) -> None:
    resource = data.draw(near_valid(model_of(type_name)))
    before = copy.deepcopy(resource)
    is_accepted = accepts(resource, type_name)
    assert accepts(resource, type_name) is is_accepted
    assert [step for _, step in places(resource)] == [step for _, step in places(before)]
    if is_accepted:
        assert is_clean(resource)
        assert is_taken_by_model(resource, type_name)


def primitive(kind: str, value: Any) -> dict[str, Any]:
    """A Basic resource with a primitive of a FHIR type: in an extension, or as the narrative that alone has XHTML."""
    extension = {"url": "http://example.org/x", f"value{kind[0].upper()}{kind[1:]}": value}
    place = {"text": {"status": "generated", "div": value}} if kind == "xhtml" else {"extension": [extension]}
    return {"resourceType": "Basic", "code": {"text": "x"}, **place}


@pytest.mark.parametrize("kind", [*USUAL, "boolean", "uuid"])
def test_no_odd_value_is_accepted_that_the_model_refuses(kind: str) -> None:
    for value in (*ODD_STRINGS, *ODD_VALUES, *(value for values in USUAL.values() for value in values)):
        resource = primitive(kind, value)
        assert not accepts(resource, "Basic") or is_taken_by_model(resource, "Basic")
    assert all(accepts(primitive(kind, value), "Basic") for value in USUAL.get(kind, []))


@pytest.mark.parametrize("kind", USUAL)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=30) | st.text("0123456789-:TZ.+ ", max_size=30) | st.text("AB+/= ", max_size=9))
@example("\x1f")
@example("2026-03-01T10:00:00.000000000Z")
def test_no_text_is_accepted_that_the_model_refuses(kind: str, text: str) -> None:
    resource = primitive(kind, text)
    assert not accepts(resource, "Basic") or is_taken_by_model(resource, "Basic")


def test_exactly_the_days_of_the_calendar_are_accepted() -> None:
    days = [f"{y}-{m:02}-{d:02}" for y in (1900, 2000, 2023, 2024) for m in range(14) for d in range(33)]
    accepted = [day for day in days if accepts({"resourceType": "Patient", "birthDate": day}, "Patient")]
    assert len(accepted) == 365 + 366 + 365 + 366
    assert all(is_taken_by_model({"resourceType": "Patient", "birthDate": day}, "Patient") for day in accepted)


QUANTITY = {"value": 1, "unit": "g/dL"}


@pytest.mark.parametrize(
    "resource",
    [
        observation(status=None),
        observation(code=None),
        observation(status="final "),
        observation(id_="a_b"),
        observation(value=None),
        observation(value="1.5"),
        observation(value=True),
        observation(valueQuantity=QUANTITY, valueString="x"),
        observation(valueQuantity=[QUANTITY]),
        observation(valueQuantity=Ambiguous(QUANTITY)),
        observation(effectiveDateTime=1700000000),
        observation(effectiveDateTime="2026-02-30"),
        observation(effectiveDateTime="2026-03-01T10:00:00"),
        observation(code='{"text": "x"}'),
        observation(code={}),
        observation(category=[]),
        observation(category=[None]),
        observation(category=concept(LOINC, "x")),
        observation(_status={"id": "x"}),
        observation(_status={"id": "x"}, status=None),
        observation(fhir_comments="x"),
        observation(resource_type="Observation"),
        observation(resourceType="Patient"),
        observation(modifierExtension=[{"url": "http://x", "valueBoolean": True}]),
        observation(implicitRules="http://x"),
        observation(component=[{"code": {"text": "x"}, "modifierExtension": [{"url": "http://x"}]}]),
        observation(valueBoolean=1),
        observation(valueInteger="5"),
        observation(valueInteger=2**31),
        observation(valueString="\ud800"),
        observation(valueString="   "),
        observation(valueTime=5),
        observation(extension=[{"valueString": "x"}]),
        observation(contained=[{"resourceType": "Foo"}]),
        observation(contained=[{"id": "x"}]),
        observation(contained=[{"resourceType": ["Patient"]}]),
        observation(contained=[{"resourceType": "Bundle", "type": "collection"}]),
        observation(contained=[patient(gender="male ")]),
        patient(deceasedBoolean=True, deceasedDateTime="2026"),
        patient(multipleBirthInteger=Decimal("2.0")),
        Ambiguous(patient()),
    ],
)
def test_the_unusual_is_left_to_the_model(resource: dict[str, Any]) -> None:
    assert not accepts(resource, resource["resourceType"])
    assert not accepts(resource, "Observation")


@pytest.mark.parametrize("type_name", ["Foo", "", "Quantity", "Resource", "DomainResource", "Bundle", "Patient"])
def test_what_is_no_resource_of_the_type_is_not_accepted(type_name: str) -> None:
    assert not accepts(observation(), type_name)
    assert not accepts(observation(resourceType=type_name), type_name)
    for resource in (None, [], "x", {}, [patient()], 5):
        assert not accepts(resource, type_name)  # type: ignore[arg-type]


def nested(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"url": "http://example.org/x", "valueString": "x"}
    for _ in range(depth):
        node = {"url": "http://example.org/x", "extension": [node]}
    return observation(extension=[node])


def contained(depth: int) -> dict[str, Any]:
    node = observation()
    for _ in range(depth):
        node = observation(contained=[node])
    return node


@pytest.mark.parametrize("nest", [nested, contained])
@pytest.mark.parametrize(("depth", "is_accepted"), [(0, True), (2, True), (100, False), (20000, False)])
def test_deep_nesting_is_left_to_the_model(nest: Any, depth: int, is_accepted: bool) -> None:
    assert accepts(nest(depth), "Observation") is is_accepted


def test_no_flood_of_shapes_or_strings_is_kept() -> None:
    keys = (*observation(), "category", "note", "method", "issued")
    for shape in islice(permutations(keys), MAX_SHAPES + 100):
        accepts(dict.fromkeys(shape, "x"), "Observation")
    assert 0 < shapes_kept() <= MAX_SHAPES
    kept = shapes_kept()
    assert not accepts({f"k{i}": i for i in range(100_000)}, "Observation")
    assert not accepts(observation(foo=1), "Observation")
    assert shapes_kept() == kept
    verdicts = Verdicts(str.isalpha)
    assert [verdicts[f"x{i}"] for i in range(MAX_VERDICTS + 100)].count(True) == 0
    assert not verdicts["9" * 10**6]
    assert len(verdicts) <= MAX_VERDICTS
    assert max(map(len, verdicts)) < 100


# --- complete on the usual -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_name", TYPES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_usual_resources_are_accepted(type_name: str, data: st.DataObject) -> None:
    resource = data.draw(usual_objects(model_of(type_name)))
    assert is_taken_by_model(resource, type_name)
    assert accepts(resource, type_name)


def test_common_resources_are_accepted() -> None:
    specimen = {"resourceType": "Specimen", "id": "s", "type": concept(SNOMED, "119297000")}
    orders = [medication(f"Medication{kind}") for kind in ("Request", "Statement", "Administration")]
    issued = observation(value=Decimal("1.00"), issued="2026-03-01T10:00:00.123+01:00", category=[{"text": "Labor"}])
    for resource in (patient(), observation(), observation(contained=[specimen]), issued, *orders, condition()):
        assert accepts(resource, resource["resourceType"])


def resources_in(node: Any) -> Iterator[dict[str, Any]]:
    """The resources in a file of whatever form, those of a Bundle each."""
    if isinstance(node, dict) and isinstance(node.get("resourceType"), str) and node["resourceType"] != "Bundle":
        yield node
    else:
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from resources_in(value)


@pytest.mark.skipif(not MCODE.is_dir(), reason="the mCODE files are not on this machine")
def test_most_of_the_mcode_files_is_accepted() -> None:
    files = [json.loads(path.read_bytes(), parse_float=Decimal) for path in sorted(MCODE.rglob("*.json"))]
    resources = [resource for file in files for resource in resources_in(file)]
    valid = [r for r in resources if is_taken_by_model(r, r["resourceType"])]
    accepted = [r for r in resources if accepts(r, r["resourceType"])]
    assert all(r in valid for r in accepted)
    assert len(valid) > 50
    assert len(accepted) >= 0.95 * len(valid)


def test_all_simulated_records_are_accepted() -> None:
    for number in range(10):
        record = fhir_writer.bundle(draw_patient(3, number, complete=True), np.random.default_rng(number))
        for resource in resources_in(json.loads(json.dumps(record), parse_float=Decimal)):
            assert accepts(resource, resource["resourceType"])
