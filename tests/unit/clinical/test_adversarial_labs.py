"""Laboratory results as hospitals and hostile testers send them: each case with what must be read and what told.

A case is resources, what is observed as "source: (feature, value[, comparator or status])", issues as "place: code".
Sources stand without ``Observation/``, places without ``Bundle.entry``: ``1.status`` is entry[1].resource.status, as
entry[0] is the Patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.records import INDEX, LOINC, UCUM, bundle, concept, observation
from tumorcast_clinical.model import extract_features
from tumorcast_core.snapshot import Extraction

CBC = concept(LOINC, "58410-2")
HB, CRP, ALB, BILI, NEU, LYM, PLT = "718-7", "1988-5", "1751-7", "1975-2", "751-8", "731-0", "777-3"
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
MODIFIER = [{"url": "http://x", "valueBoolean": True}]
TEN = "2026-03-01T10:00:00Z"


@dataclass(frozen=True)
class Case:
    """Resources, what they must give, and what must be said."""

    name: str
    resources: list[Any]
    observed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    issues: tuple[str, ...] = ()


def one(name: str, issue: str = "", *, gives: float | None = None, mark: str = "", **more: Any) -> Case:
    """A case of one hemoglobin (or ``loinc``) o1 that gives ``gives``, or nothing, and one issue or none."""
    observed = {} if gives is None else {"o1": ("hemoglobin", gives, *([mark] if mark else []))}
    return Case(name, [observation(**more)], observed, (issue,) if issue else ())


def quantity(value: Any, unit: str, comparator: str = "") -> dict[str, Any]:
    return {"value": value, "unit": unit} | ({"comparator": comparator} if comparator else {})


def component(loinc: str, value: Any = None, unit: str = "", **more: Any) -> dict[str, Any]:
    stated = {} if value is None else {"valueQuantity": quantity(value, unit)}
    return {"code": concept(LOINC, loinc)} | stated | more


def panel(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return observation("p", **({"code": CBC, "valueQuantity": None, "component": list(components)} | more))


def at(id_: str, when: str, value: Any = 12.5, **more: Any) -> dict[str, Any]:
    return observation(id_, value=value, effectiveDateTime=when, **more)


SCHEDULE = {"effectiveDateTime": None, "effectiveTiming": {"code": {"text": "daily"}}}


def bounds(end: str) -> dict[str, Any]:
    return {
        "effectiveDateTime": None,
        "effectiveTiming": {"repeat": {"boundsPeriod": {"start": "2026-03-01", "end": end}}},
    }


def period(start: str, end: str = "") -> dict[str, Any]:
    return {"effectiveDateTime": None, "effectivePeriod": {"start": start} | ({"end": end} if end else {})}


DATES = [
    one("an instant", gives=12.5, effectiveDateTime=None, effectiveInstant=TEN),
    one("a timing's moment", gives=12.5, effectiveDateTime=None, effectiveTiming={"event": [TEN]}),
    one("a timing that goes on after the index date", "1: AFTER_INDEX_DATE",
        effectiveDateTime=None, effectiveTiming={"event": [TEN, "2026-05-01"]}),
    one("a timing with bounds", gives=12.5, **bounds("2026-03-04")),
    one("a timing whose bounds end after the index date", "1: AFTER_INDEX_DATE", **bounds("2026-04-04")),
    Case("a schedule without a day", [observation(**SCHEDULE)], {"o1": ("hemoglobin", 12.5)},
         ("1.effectiveTiming: DATE_NOT_READ", "1: DATE_NOT_CERTAIN")),
    Case("a schedule with an issue", [observation(**SCHEDULE, issued=TEN)], {"o1": ("hemoglobin", 12.5)},
         ("1.effectiveTiming: DATE_NOT_READ", "1.issued: DATE_FROM_ISSUED")),
    one("a period that ends before it starts", "1.effectivePeriod: DATE_NOT_CERTAIN", gives=12.5,
        **period("2026-03-10", "2026-03-01")),
    Case("a period turned round around the index date", [observation(**period("2026-04-10", "2026-03-01"))], {},
         ("1.effectivePeriod: DATE_NOT_CERTAIN", "1: AFTER_INDEX_DATE")),
    one("a period without end", gives=12.5, **period("2026-03-01")),
    one("a date said to be unknown", "1: DATE_NOT_CERTAIN", gives=12.5,
        effectiveDateTime=None, _effectiveDateTime=ABSENT),
    one("issued on the index date", gives=12.5, issued="2026-03-28T23:59:59Z"),
    one("issued after the index date", "1.issued: AFTER_INDEX_DATE", issued="2026-03-30T00:00:00Z"),
    one("two dates", "1: INVALID_RESOURCE", effectiveInstant=TEN),
    one("a leap second", gives=12.5, effectiveDateTime="2016-12-31T23:59:60Z"),
    one("before the birth", "1: BEFORE_BIRTH", gives=12.5, effectiveDateTime="1950-01-01"),
    one("in the year of birth alone", gives=12.5, effectiveDateTime="1960"),
    one("no zone", "1.effectiveDateTime: INVALID_RESOURCE", effectiveDateTime="2026-03-01T10:00:00"),
]  # fmt: skip

FORMS = [
    one("a bound as text", "1: VALUE_TYPE", loinc=CRP, valueString="<0.5"),
    one("a quantity as text", "1: VALUE_TYPE", valueString="12.5 g/dL"),
    one("a ratio", "1: VALUE_TYPE", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 2}}),
    one("a time", "1: VALUE_TYPE", valueDateTime="2026-03-01"),
    one("a boolean", "1: VALUE_TYPE", valueBoolean=True),
    one("a concept", "1: VALUE_TYPE", valueCodeableConcept=concept("", "", text="low")),
    one("a range", "1.valueRange: VALUE_RANGE", valueRange={"low": quantity(1, "g/dL"), "high": quantity(2, "g/dL")}),
    one("a range open above", gives=10, mark=">=", valueRange={"low": quantity(10, "g/dL")}),
    one("a range open below", gives=10, mark="<=", valueRange={"high": quantity(100, "g/L")}),
    one("a range in no unit", "1.valueRange: UNKNOWN_UNIT", valueRange={"low": quantity(10, "furlong")}),
    one(
        "reference range alone", "1: NO_VALUE", valueQuantity=None, referenceRange=[{"low": quantity(12, "g/dL")}]
    ),
    one("a reference range beside the value", gives=12.5, referenceRange=[{"low": quantity(14, "g/dL")}]),
    one("an interpretation alone", "1: NO_VALUE", valueQuantity=None, interpretation=[concept("http://x", "L")]),
    one("a value and a reason for none", "1.dataAbsentReason: NO_VALUE", dataAbsentReason=concept("http://x", "error")),
    one("a number said to be unknown", "1.valueQuantity: NO_VALUE", valueQuantity={"_value": ABSENT, "unit": "g/dL"}),
    one("a bound without a number", "1.valueQuantity: NO_VALUE", valueQuantity={"comparator": "<", "unit": "g/dL"}),
    one("a bound in another unit", gives=8, mark="<", valueQuantity=quantity(80, "g/L", "<")),
    one("a bound of R5", "1.valueQuantity.comparator: INVALID_CODE", valueQuantity=quantity(8, "g/dL", "ad")),
    one("a number as a string", "1.valueQuantity.value: INVALID_RESOURCE", value="12.5"),
    one("an integer where a unit is due", "1: UNKNOWN_UNIT", valueInteger=12),
    one("a modifier on the reference range", "1.referenceRange[0].modifierExtension: UNKNOWN_MODIFIER_EXTENSION",
        referenceRange=[{"low": quantity(12, "g/dL"), "modifierExtension": MODIFIER}]),
]  # fmt: skip

UNITS = [
    one("a negative number", "1.valueQuantity: IMPLAUSIBLE_VALUE", loinc=CRP, value=-5, unit="mg/L"),
    one("grams per liter under g/dL", "1.valueQuantity: IMPLAUSIBLE_VALUE", valueQuantity=quantity(125, "g/dL")),
    one("g/dL under grams per liter", "1.valueQuantity: IMPLAUSIBLE_VALUE", valueQuantity=quantity(12.5, "g/L")),
    one("no unit", "1.valueQuantity: UNKNOWN_UNIT", valueQuantity={"value": 12.5}),
    one("the unit in the code alone", gives=12.5, valueQuantity={"value": 125, "code": "g/L"}),
    one("a UCUM address with a slash", gives=12.5,
        valueQuantity={"value": 125, "unit": "g/L", "system": "http://unitsofmeasure.org/", "code": "g/L"}),
    one("a code and a wording that differ", "1.valueQuantity: CONFLICTING_UNITS",
        valueQuantity={"value": 12.5, "unit": "g/dL", "system": UCUM, "code": "g/L"}),
    one("a local code that is another unit", "1.valueQuantity: CONFLICTING_UNITS",
        valueQuantity={"value": 12.5, "unit": "g/dL", "system": "urn:local", "code": "mg/L"}),
    one("micromol", "1.valueQuantity: UNIT_MISMATCH", loinc="2532-0", valueQuantity=quantity(80, "micromol/L")),
    Case("creatinine in micromol/L", [observation(loinc="2160-0", value=113.12, unit="micromol/L")],
         {"o1": ("creatinine", pytest.approx(1.2796, rel=1e-4))}),
    Case("hematocrit in Vol.-%", [observation(loinc="4544-3", value=41, unit="Vol.-%")], {"o1": ("hematocrit", 41)}),
    Case("thyroxine in nmol/L", [observation(loinc="3026-2", value=100, unit="nmol/L")],
         {"o1": ("thyroxine", pytest.approx(7.7687))}),  # 1 ug/dL is 12.87 nmol/L
    Case("T3 in nmol/L", [observation(loinc="14930-2", value=2, unit="nmol/L")],
         {"o1": ("triiodothyronine", pytest.approx(130.194))}),  # 1 ng/dL is 0.01536 nmol/L
    Case("NT-proBNP in ng/L", [observation(loinc="33762-6", value=450, unit="ng/L")], {"o1": ("nt_pro_bnp", 450)}),
]  # fmt: skip

PANELS = [
    Case(
        "a panel of good and bad components",
        [
            panel(
                component(HB, 12, "g/dL"),
                component(PLT),
                component(NEU, dataAbsentReason=concept("http://x", "unknown")),
                component(LYM, 1, "furlong"),
                component("99999-9", 1, "g/dL"),
                {"code": {"text": "Hb"}, "valueQuantity": quantity(12, "g/dL")},
                component(CRP, valueString="<5"),
                component(ALB, valueQuantity=quantity(40, "g/L", ">")),
            )
        ],
        {"p#component[0]": ("hemoglobin", 12), "p#component[7]": ("albumin", 4, ">")},
        (
            "1.component[1]: NO_VALUE",
            "1.component[2].dataAbsentReason: NO_VALUE",
            "1.component[3].valueQuantity: UNKNOWN_UNIT",
            "1.component[4].code: UNMAPPED_CODE",
            "1.component[5].code: NO_CODE",
            "1.component[6]: VALUE_TYPE",
        ),
    ),
    Case(
        "a component stated twice with different values",
        [panel(component(HB, 12, "g/dL"), component(HB, 13, "g/dL"))],
        {"p#component[0]": ("hemoglobin", 12), "p#component[1]": ("hemoglobin", 13)},
        ("1.component[0]: SEVERAL_VALUES", "1.component[1]: SEVERAL_VALUES"),
    ),
    Case(
        "a component stated twice alike",
        [panel(component(HB, 12, "g/dL"), component(HB, 120, "g/L"))],
        {"p#component[0]": ("hemoglobin", 12), "p#component[1]": ("hemoglobin", 12)},
        ("1.component[1]: REPEATED_RESULT",),
    ),
    Case(
        "a component that a member repeats",
        [panel(component(HB, 12, "g/dL"), hasMember=[{"reference": "Observation/a"}]), observation("a", value=12)],
        {"a": ("hemoglobin", 12), "p#component[0]": ("hemoglobin", 12)},
        ("1.component[0]: REPEATED_RESULT",),
    ),
    Case(
        "members are read, their panel is told",
        [observation("p", code=CBC, valueQuantity=None, hasMember=[{"reference": "Observation/a"}]), observation("a")],
        {"a": ("hemoglobin", 12.5)},
        ("1.code: UNMAPPED_CODE",),
    ),
    Case(
        "a preliminary panel",
        [panel(component(HB, 12, "g/dL"), status="preliminary")],
        {"p#component[0]": ("hemoglobin", 12, "preliminary")},
        ("1.status: NOT_FINAL",),
    ),
    Case(
        "a cancelled panel", [panel(component(HB, 12, "g/dL"), status="cancelled")], {}, ("1.status: CANCELLED",)
    ),
    Case(
        "a result contained in a panel",
        [observation("p", code=CBC, valueQuantity=None, contained=[observation("a")])],
        {},
        ("1.code: UNMAPPED_CODE", "1.contained[0]: CONTAINED_RESULT"),
    ),
    Case(
        "a modifier on one component",
        [panel(component(HB, 12, "g/dL", modifierExtension=MODIFIER))],
        {},
        ("1.component[0].modifierExtension: UNKNOWN_MODIFIER_EXTENSION",),
    ),
]  # fmt: skip

REPEATS = [
    Case(
        "the same result under two ids",
        [observation("a"), observation("b")],
        {"a": ("hemoglobin", 12.5), "b": ("hemoglobin", 12.5)},
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "three times",
        [observation("c"), observation("b"), observation("a")],
        dict.fromkeys("abc", ("hemoglobin", 12.5)),
        ("1: REPEATED_RESULT", "2: REPEATED_RESULT"),
    ),
    Case(
        "in two units",
        [observation("a"), observation("b", value=125, unit="g/L")],
        dict.fromkeys("ab", ("hemoglobin", 12.5)),
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "at one moment in two time zones",
        [at("a", TEN), at("b", "2026-03-01T11:00:00.000+01:00")],
        dict.fromkeys("ab", ("hemoglobin", 12.5)),
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "of two specimens of one day",
        [observation(id_, specimen={"reference": f"Specimen/{id_}"}) for id_ in "ab"],
        dict.fromkeys("ab", ("hemoglobin", 12.5)),
    ),
    Case(
        "of two specimens of one moment",
        [at(id_, TEN, specimen={"reference": f"Specimen/{id_}"}) for id_ in "ab"],
        dict.fromkeys("ab", ("hemoglobin", 12.5)),
        ("2: REPEATED_RESULT",),
    ),
    Case("of two days", [at("a", "2026-03-01"), at("b", "2026-03-02")], dict.fromkeys("ab", ("hemoglobin", 12.5))),
    Case("of two hours", [at("a", TEN), at("b", "2026-03-01T12:00:00Z")], dict.fromkeys("ab", ("hemoglobin", 12.5))),
    Case("of one month", [at("a", "2026-02"), at("b", "2026-02")], dict.fromkeys("ab", ("hemoglobin", 12.5))),
    Case(
        "a bound repeated, and the number beside it",
        [
            *(observation(id_, valueQuantity=quantity(8, "g/dL", "<")) for id_ in "ab"),
            observation("c", valueQuantity=quantity(8, "g/dL")),
        ],
        {"a": ("hemoglobin", 8, "<"), "b": ("hemoglobin", 8, "<"), "c": ("hemoglobin", 8)},
        ("1: SEVERAL_VALUES", "2: SEVERAL_VALUES", "3: SEVERAL_VALUES", "2: REPEATED_RESULT"),
    ),
    Case(
        "preliminary, then final",
        [observation("a", value=9, status="preliminary"), observation("b")],
        {"a": ("hemoglobin", 9, "preliminary"), "b": ("hemoglobin", 12.5)},
        ("1.status: NOT_FINAL",),
    ),
    Case(
        "preliminary twice",
        [observation(id_, status="preliminary") for id_ in "ab"],
        dict.fromkeys("ab", ("hemoglobin", 12.5, "preliminary")),
        ("1.status: NOT_FINAL", "2.status: NOT_FINAL", "2: REPEATED_RESULT"),
    ),
    Case(
        "amended and final alike",
        [observation("a", status="amended"), observation("b")],
        {"a": ("hemoglobin", 12.5, "amended"), "b": ("hemoglobin", 12.5)},
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "entered in error, then right",
        [observation("a", status="entered-in-error"), observation("b")],
        {"b": ("hemoglobin", 12.5)},
        ("1.status: ENTERED_IN_ERROR",),
    ),
    Case(
        "one number in two units",
        [observation("a", CRP, 12, "mg/L"), observation("b", CRP, 12, "mg/dL")],
        {"a": ("c_reactive_protein", 12), "b": ("c_reactive_protein", 120)},
        ("1: SEVERAL_VALUES", "2: SEVERAL_VALUES", "1: UNIT_DOUBTED", "2: UNIT_DOUBTED"),
    ),
    Case(
        "in two units, rounded",
        [observation("a", BILI, 1, "mg/dL"), observation("b", BILI, 17.1, "umol/L")],
        {"a": ("total_bilirubin", 1), "b": ("total_bilirubin", pytest.approx(0.99977, abs=1e-5))},
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "a little different is another result",
        [observation("a"), observation("b", value=12.6)],
        {"a": ("hemoglobin", 12.5), "b": ("hemoglobin", 12.6)},
        ("1: SEVERAL_VALUES", "2: SEVERAL_VALUES"),
    ),
    Case(
        "a score repeated",
        [observation(id_, "89247-1", valueInteger=1) for id_ in "ab"],
        dict.fromkeys("ab", ("ecog_performance_status", 1)),
        ("2: REPEATED_RESULT",),
    ),
    Case(
        "two lesions of one size are two",
        [observation(id_, "21889-1", 2, "cm") for id_ in "ab"],
        dict.fromkeys("ab", ("tumor_longest_diameter", 20)),
    ),
]

WHOLES = [
    Case(
        "neutrophils above leukocytes",
        [observation("n", NEU, 9, "10*9/L"), observation("w", "6690-2", 5, "10*9/L")],
        {"n": ("neutrophil_count", 9), "w": ("leukocyte_count", 5)},
        ("1: INCONSISTENT_RESULTS",),
    ),
    Case(
        "neutrophils above leukocytes of another day",
        [observation("n", NEU, 9, "10*9/L"), at("w", "2026-02-01", 5, code=concept(LOINC, "6690-2"),
                                                valueQuantity=quantity(5, "10*9/L"))],
        {"n": ("neutrophil_count", 9), "w": ("leukocyte_count", 5)},
    ),
    Case(
        "direct bilirubin a little above the total",
        [observation("d", "1968-7", 1.1, "mg/dL"), observation("t", BILI, 1, "mg/dL")],
        {"d": ("direct_bilirubin", 1.1), "t": ("total_bilirubin", 1)},
    ),
    Case(
        "free PSA above PSA",
        [observation("f", "10886-0", 6, "ng/mL"), observation("t", "2857-1", 4, "ng/mL")],
        {"f": ("free_prostate_specific_antigen", 6), "t": ("prostate_specific_antigen", 4)},
        ("1: INCONSISTENT_RESULTS",),
    ),
    Case(
        "a bound above its whole",
        [observation("f", "10886-0", valueQuantity=quantity(6, "ng/mL", "<")), observation("t", "2857-1", 4, "ng/mL")],
        {"f": ("free_prostate_specific_antigen", 6, "<"), "t": ("prostate_specific_antigen", 4)},
    ),
]  # fmt: skip

CASES = [*WHOLES, *DATES, *FORMS, *UNITS, *PANELS, *REPEATS]


def extract(*resources: Any) -> Extraction:
    return extract_features(bundle(*resources), INDEX)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_result_gives_what_it_states_and_the_rest_is_told(case):
    found = extract(*case.resources)
    observed = {
        f.source.removeprefix("Observation/"): (f.name, f.value, *filter(None, (f.comparator, f.status)))
        for f in found.features
        if f.source.startswith("Observation/")
    }
    told = [
        f"{issue.location.removeprefix('Bundle.entry[').replace('].resource', '', 1)}: {issue.code}"
        for issue in found.issues
        if issue.code != "NOT_DERIVED"
    ]
    assert observed == dict(case.observed)
    assert sorted(told) == sorted(case.issues)
    assert all("Observation/" in issue.message for issue in found.issues)


def test_at_least_sixty_cases_have_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_a_result_contained_in_a_report_is_told():
    report = {"resourceType": "DiagnosticReport", "id": "d", "status": "final", "code": CBC}
    report |= {"subject": {"reference": "Patient/p1"}, "contained": [observation("a")]}
    assert [(issue.code, issue.location) for issue in extract(report).issues] == [
        ("UNUSED_RESOURCE", "Bundle.entry[1].resource"),
        ("CONTAINED_RESULT", "Bundle.entry[1].resource.contained[0]"),
    ]


def test_a_result_issued_in_the_future_is_left_out_without_an_index_date():
    issued = observation(issued="2999-01-01T00:00:00Z")
    found = extract_features(bundle(issued))
    assert "FUTURE_DATE" in [issue.code for issue in found.issues]
    assert "hemoglobin" not in {f.name for f in found.features}
