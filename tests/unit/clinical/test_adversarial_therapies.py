"""Therapies as hostile or careless records state them: each case says which features and which issues it must give."""

from typing import NamedTuple

import pytest

from support.records import INDEX, RXNORM, SNOMED, Resource, bundle, concept, medication, procedure
from tumorcast_clinical.model import extract_features

REQUEST, STATEMENT, ADMINISTRATION = "MedicationRequest", "MedicationStatement", "MedicationAdministration"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ATC = "http://fhir.de/CodeSystem/bfarm/atc"
PLACE = "Bundle.entry[1].resource"
NAMES = ("systemic_therapy", "cancer_surgery", "radiotherapy")


class Case(NamedTuple):
    """Resources beside p1; the treatments expected (value, status, date) and the issues, by place below entry 1."""

    name: str
    resources: list[Resource]
    treatments: list[tuple[str, str, str]]
    issues: list[tuple[str, str]]


def check(case: Case) -> None:
    found = extract_features(bundle(*case.resources), INDEX)
    treatments = [(str(f.value), f.status, f.effective) for f in found.features if f.name in NAMES]
    assert sorted(treatments) == sorted(case.treatments)
    places = [(i.location.removeprefix(PLACE).removeprefix("."), i.code) for i in found.issues]
    assert sorted(places) == sorted(case.issues)
    titles = tuple(f"{resource['resourceType']}/{resource['id']} " for resource in case.resources)
    assert all(issue.message.startswith(titles) for issue in found.issues)


def named(text: str, **more: object) -> Resource:
    return medication(ADMINISTRATION, medicationCodeableConcept=concept("", "", text=text), **more)


def gave(rxnorm: str, **more: object) -> Resource:
    return medication(ADMINISTRATION, rxnorm=rxnorm, **more)


def by_reference(reference: Resource, **more: object) -> Resource:
    more = {"medicationCodeableConcept": None, "medicationReference": reference, **more}
    return medication(ADMINISTRATION, **more)


def because(text: str = "", system: str = "", code: str = "") -> dict[str, list[Resource]]:
    return {"reasonCode": [concept(system, code, text=text)]}


def spanning(kind: str, status: str, start: str | None, end: str | None) -> Resource:
    period = {key: value for key, value in (("start", start), ("end", end)) if value}
    return medication(kind, status=status, effectiveDateTime=None, effectivePeriod=period)


METHOTREXATE, RITUXIMAB, DEXAMETHASONE, OXALIPLATIN, CYCLOPHOSPHAMIDE = "6851", "121191", "3264", "32592", "3002"
CHEMO, IMMUNO, COMBINED = (("chemotherapy", "", "2026-02-20"), ("immunotherapy", "", "2026-02-20"),
                           ("combination", "", "2026-02-20"))  # fmt: skip
TARGETED, ENDOCRINE = ("targeted_therapy", "", "2026-02-20"), ("endocrine_therapy", "", "2026-02-20")
DRUG = "medicationCodeableConcept"

WORDS = [
    Case("a combination in one text", [named("Carboplatin + Pemetrexed + Pembrolizumab")], [COMBINED], []),
    Case("FOLFOX is chemotherapy", [named("mFOLFOX6 Zyklus 3")], [CHEMO], []),
    Case("FOLFIRINOX", [named("FOLFIRINOX")], [CHEMO], []),
    Case("R-CHOP has an antibody, too", [named("R-CHOP cycle 2 of 6")], [COMBINED], []),
    Case("CHOP alone has none", [named("CHOP-21")], [CHEMO], []),
    Case("VRd is targeted, dexamethasone supports", [named("VRd")], [TARGETED], []),
    Case("AC stands for before meals", [named("take 20 mg AC")], [], [(DRUG, "NO_CODE")]),
    Case("accents are no obstacle", [named("Étoposide 100 mg")], [CHEMO], []),
    Case("Italian", [named("Carboplatino AUC 5 e Gemcitabina")], [CHEMO], []),
    Case("Spanish", [named("Ciclo 3: cisplatino")], [CHEMO], []),
    Case("denied before", [named("No carboplatin today")], [], [(DRUG, "THERAPY_NOT_GIVEN")]),
    Case("denied after", [named("Carboplatin 450 mg IV - not given, ANC low")], [], [(DRUG, "THERAPY_NOT_GIVEN")]),
    Case("a cycle has a number", [named("Cycle No. 3 Carboplatin")], [CHEMO], []),
    Case("an allergy to the other", [named("cisplatin (carboplatin allergy)")], [CHEMO], []),
    Case("ipilimumab and nivolumab", [named("Ipi/Nivo")], [IMMUNO], []),
    Case("declined", [named("Patient declined pembrolizumab")], [], [(DRUG, "THERAPY_NOT_GIVEN")]),
    Case("an allergy is no therapy", [named("Allergy to docetaxel")], [], [(DRUG, "THERAPY_NOT_GIVEN")]),
    Case("one drug held, the other given", [named("pembrolizumab without carboplatin")], [IMMUNO], []),
    Case("coded, but denied in words",
         [medication(ADMINISTRATION,
          medicationCodeableConcept=concept(RXNORM, OXALIPLATIN, text="oxaliplatin withheld"))],
         [], [(DRUG, "THERAPY_NOT_GIVEN")]),
    Case("alternatives", [named("cisplatin or carboplatin")], [], [(DRUG, "THERAPY_NOT_CERTAIN")]),
    Case("two names of one drug are none", [named("doxorubicin (Caelyx or Myocet)")], [CHEMO], []),
    Case("not for intrathecal use is a warning", [named("vincristine, not for intrathecal use")], [CHEMO], []),
    Case("a cancer drug of no class", [medication(ADMINISTRATION, medicationCodeableConcept=concept(ATC, "L01XX99"))],
         [], [(DRUG, "UNMAPPED_CODE")]),
    Case("a cream acts where it is put", [named("Fluorouracil 5 % Creme")], [], [("", "UNUSED_THERAPY")]),
    Case("an intravesical route by code",
         [named("mitomycin", dosage={"text": "x", "route": concept(SNOMED, "372471009"), "dose": {"value": 40}})],
         [], [("", "UNUSED_THERAPY")]),
    Case("an intravitreal route in words",
         [gave("253337", dosage={"route": {"text": "Intravitreal"}, "dose": {"value": 1}})], [], [("",
          "UNUSED_THERAPY")]),
    Case("an intravenous route",
         [gave("253337", dosage={"route": {"text": "IV"}, "dose": {"value": 1}})], [TARGETED], []),
    Case("intrathecal methotrexate counts",
         [gave(METHOTREXATE, dosage={"route": concept(SNOMED, "72607000"), "dose": {"value": 12}},
          **because("ALL, leukemia"))],
         [CHEMO], []),
]  # fmt: skip

REASONS = [
    Case("methotrexate for arthritis in words", [gave(METHOTREXATE, **because("Rheumatoid arthritis"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("methotrexate for arthritis in SNOMED CT", [gave(METHOTREXATE, **because("", SNOMED, "69896004"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("rituximab for arthritis in ICD-10", [gave(RITUXIMAB, **because("", ICD_10_CM, "M05.79"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("rituximab for multiple sclerosis", [gave(RITUXIMAB, **because("", SNOMED, "24700007"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("rituximab for lymphoma", [gave(RITUXIMAB, **because("", ICD_10_CM, "C83.30"))], [TARGETED], []),
    Case("rituximab for no said reason", [gave(RITUXIMAB)], [TARGETED], [("", "INDICATION_NOT_CERTAIN")]),
    Case("R-CHOP needs no reason", [named("R-CHOP")], [COMBINED], []),
    Case("cyclophosphamide for lupus", [gave(CYCLOPHOSPHAMIDE, **because("Lupus nephritis"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("cyclophosphamide without a reason", [gave(CYCLOPHOSPHAMIDE)], [CHEMO], []),
    Case("leuprolide for early puberty", [named("Lupron Depot-Ped", **because("Central precocious puberty"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("goserelin for endometriosis", [named("Zoladex", **because("", SNOMED, "129103003"))],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("oxaliplatin has no use elsewhere", [gave(OXALIPLATIN, **because("", ICD_10_CM, "K50.00"))],
         [CHEMO], [("", "INDICATION_NOT_CERTAIN")]),
    Case("a symptom among the reasons says nothing",
         [gave(OXALIPLATIN, **because("", ICD_10_CM, "R11.0"))], [CHEMO], []),
    Case("arthritis and cancer", [gave(METHOTREXATE, reasonCode=[concept("", "", text="Psoriasis"),
                                                                 concept(ICD_10_CM, "C50.911")])], [CHEMO], []),
    Case("dexamethasone only supports", [gave(DEXAMETHASONE, **because("", ICD_10_CM, "C90.00"))],
         [], [("", "UNUSED_THERAPY")]),
    Case("a contained condition as the reason",
         [gave(RITUXIMAB, contained=[{"resourceType": "Condition", "id": "ra", "subject": {"reference": "Patient/p1"},
                                      "code": concept(SNOMED, "69896004")}], reasonReference=[{"reference": "#ra"}])],
         [], [("", "THERAPY_NOT_OF_CANCER"), ("contained[0]", "UNUSED_RESOURCE")]),
    Case("a contained cancer as the reason",
         [gave(RITUXIMAB, contained=[{"resourceType": "Condition", "id": "nhl", "subject": {"reference": "Patient/p1"},
                                      "code": concept(ICD_10_CM, "C83.30")}], reasonReference=[{"reference": "#nhl"}])],
         [TARGETED], [("contained[0]", "UNUSED_RESOURCE")]),
    Case("a dangling reason with a display", [gave(RITUXIMAB, reasonReference=[{"reference": "Condition/9",
                                                                                "display": "Rheumatoid arthritis"}])],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("a dangling reason without one", [gave(RITUXIMAB, reasonReference=[{"reference": "Condition/9"}])],
         [TARGETED], [("", "INDICATION_NOT_CERTAIN")]),
]  # fmt: skip


def timed(**timing: object) -> Resource:
    return medication(dosageInstruction=[{"timing": timing}])


STATES = [
    Case("a period over the index date is given until then",
         [spanning(ADMINISTRATION, "completed", "2026-03-20", "2026-04-20")],
         [("chemotherapy", "", "2026-03-20")], []),
    Case("stopped after the index date", [spanning(STATEMENT, "stopped", "2026-03-01", "2026-04-20")],
         [("chemotherapy", "", "2026-03-01")], []),
    Case("a period after the index date", [spanning(STATEMENT, "active", "2026-03-29", None)],
         [], [("", "AFTER_INDEX_DATE")]),
    Case("intended counts nowhere", [spanning(STATEMENT, "intended", "2026-03-01", "2026-04-01")],
         [], [("status", "THERAPY_NOT_GIVEN")]),
    Case("a reversed period", [spanning(ADMINISTRATION, "completed", "2026-03-20", "2026-03-01")],
         [], [("", "INVALID_PERIOD")]),
    Case("a draft of a plan", [medication(status="draft", intent="plan")], [], [("status", "THERAPY_NOT_GIVEN")]),
    Case("a stopped order not to give", [medication(status="stopped", doNotPerform=True)],
         [], [("doNotPerform", "THERAPY_NOT_GIVEN")]),
    Case("a filler order", [medication(intent="filler-order")], [("chemotherapy", "ordered", "2026-02-20")], []),
    Case("not done for a reason", [gave(OXALIPLATIN, status="not-done", statusReason=[{"text": "neutropenia"}])],
         [], [("status", "THERAPY_NOT_GIVEN")]),
    Case("a day after the index date, though earlier in Greenwich",
         [gave(OXALIPLATIN, effectiveDateTime="2026-03-29T01:00:00+09:00")], [], [("", "AFTER_INDEX_DATE")]),
    Case("stated after the index date", [medication(STATEMENT, dateAsserted="2026-04-02")],
         [], [("dateAsserted", "AFTER_INDEX_DATE")]),
    Case("dated by its statement alone", [medication(STATEMENT, effectiveDateTime=None, dateAsserted="2026-02-01")],
         [("chemotherapy", "", "")], [("dateAsserted", "DATE_FROM_ASSERTION")]),
    Case("a dose of nothing", [gave(OXALIPLATIN, dosage={"dose": {"value": 0, "unit": "mg"}})],
         [], [("dosage.dose", "THERAPY_NOT_GIVEN")]),
    Case("an order for days to come", [timed(event=["2026-04-05", "2026-04-26"])], [], [("", "AFTER_INDEX_DATE")]),
    Case("an order of five days that have passed", [timed(repeat={"boundsDuration": {"value": 5, "code": "d"}})],
         [("chemotherapy", "ordered", "2026-02-20")], [("", "THERAPY_NOT_CURRENT")]),
    Case("an order of six weeks that have not", [timed(repeat={"boundsDuration": {"value": 6, "code": "wk"}})],
         [("chemotherapy", "ordered", "2026-02-20")], []),
    Case("an unknown drug entered in error",
         [gave("1", status="entered-in-error")], [], [("status", "ENTERED_IN_ERROR")]),
    Case("an unknown code without a name", [gave("583214")], [], [(DRUG, "UNMAPPED_CODE")]),
    Case("a year that holds the index date", [medication(STATEMENT, effectiveDateTime="2026")],
         [("chemotherapy", "", "2026")], [("", "DATE_NOT_CERTAIN")]),
]  # fmt: skip


def drug(id_: str = "d1", **more: object) -> Resource:
    return {"resourceType": "Medication", "id": id_, **more}


def ingredient(rxnorm: str, **more: object) -> Resource:
    return {"itemCodeableConcept": concept(RXNORM, rxnorm), **more}


TO_D1 = {"reference": "Medication/d1"}
MISSING = [("medicationReference", "REFERENCE_NOT_FOUND")]
REFERENCES = [
    Case("several ingredients", [by_reference(TO_D1), drug(ingredient=[ingredient("40048"), ingredient("1547545")])],
         [COMBINED], []),
    Case("an ingredient that is not active", [by_reference(TO_D1), drug(ingredient=[
        ingredient("40048"), ingredient("1547545", isActive=False)])], [CHEMO], []),
    Case("an ingredient as a contained substance", [by_reference(TO_D1), drug(
        contained=[{"resourceType": "Substance", "id": "s", "code": concept(RXNORM, "40048")}],
        ingredient=[{"itemReference": {"reference": "#s"}}])], [CHEMO], []),
    Case("a code beside other ingredients", [by_reference(TO_D1), drug(
        code=concept(RXNORM, "40048"), ingredient=[ingredient("1547545")])],
         [], [("medicationReference", "CONFLICTING_CODES")]),
    Case("a code beside further ingredients", [by_reference(TO_D1), drug(
        code=concept(RXNORM, "40048"), ingredient=[ingredient("40048"), ingredient("1547545")])], [COMBINED], []),
    Case("a display that names another drug", [by_reference(TO_D1 | {"display": "Cisplatin"}),
                                               drug(code=concept(RXNORM, "40048"))],
         [], [("medicationReference", "CONFLICTING_CODES")]),
    Case("a drug entered in error",
         [by_reference(TO_D1), drug(code=concept(RXNORM, "40048"), status="entered-in-error")],
         [], [("medicationReference", "ENTERED_IN_ERROR")]),
    Case("dangling", [by_reference({"reference": "Medication/9"})], [], MISSING),
    Case("dangling, contained", [by_reference({"reference": "#nothing"})], [], MISSING),
    Case("dangling, urn", [by_reference({"reference": "urn:uuid:0b1c"})], [], MISSING),
    Case("dangling, named", [by_reference({"reference": "Medication/9", "display": "Carboplatin"})],
         [CHEMO], [("", "READ_FROM_TEXT")]),
    Case("dangling, denied", [by_reference({"reference": "Medication/9", "display": "Carboplatin not given"})],
         [], [("medicationReference", "THERAPY_NOT_GIVEN")]),
    Case("by identifier", [by_reference({"identifier": {"system": "urn:x", "value": "7"}})], [], MISSING),
    Case("by urn of its id",
         [by_reference({"reference": "urn:uuid:d1"}), drug(code=concept(RXNORM, "40048"))], [CHEMO], []),
    Case("a Medication without any name", [by_reference(TO_D1), drug()], [], [("medicationReference", "NO_CODE")]),
    Case("a Medication that nothing refers to", [gave("40048"), drug(code=concept(RXNORM, "1547545"))],
         [CHEMO], [("Bundle.entry[2].resource", "UNUSED_RESOURCE")]),
]  # fmt: skip

SURGERY, RADIATION = ("present", "", "2026-01-15"), ("present", "", "2026-01-15")
CHEMO_THEN = ("chemotherapy", "", "2026-01-15")
TEXT, CODE = ("code", "READ_FROM_TEXT"), "code"


def did(text: str, **more: object) -> Resource:
    return procedure(concept("", "", text=text), **more)


PROCEDURES = [
    Case("chemoradiation is two treatments", [procedure(concept(SNOMED, "703423002"))], [RADIATION, CHEMO_THEN], []),
    Case("chemoradiation in words", [did("Definitive chemoradiation")], [RADIATION, CHEMO_THEN], [TEXT]),
    Case("the simulator's radiotherapy", [procedure(concept(SNOMED, "385798007"))], [RADIATION], []),
    Case("mastectomy with reconstruction", [did("Mastectomy with immediate reconstruction")], [SURGERY], [TEXT]),
    Case("mastectomy without reconstruction", [did("Mastectomy without reconstruction")], [SURGERY], [TEXT]),
    Case("mastectomy and radiotherapy", [did("mastectomy and radiotherapy")], [SURGERY, RADIATION], [TEXT]),
    Case("reconstruction after mastectomy", [did("reconstruction after mastectomy")], [], [(CODE, "NOT_TREATMENT")]),
    Case("radiotherapy after mastectomy leaves open which",
         [did("radiotherapy after mastectomy")], [], [(CODE, "NO_CODE")]),
    Case("a biopsy and more", [did("biopsy and mastectomy")], [], [(CODE, "THERAPY_NOT_CERTAIN")]),
    Case("radiotherapy planning", [did("Radiotherapy planning and simulation")], [], [(CODE, "NOT_TREATMENT")]),
    Case("planned surgery", [did("Planned lobectomy")], [], [(CODE, "NOT_TREATMENT")]),
    Case("surgery refused", [did("Lobectomy refused by patient")], [], [(CODE, "THERAPY_NOT_GIVEN")]),
    Case("no surgery", [did("no mastectomy")], [], [(CODE, "THERAPY_NOT_GIVEN")]),
    Case("German", [did("Hemikolektomie rechts")], [SURGERY], [TEXT]),
    Case("resection", [did("Low anterior resection")], [SURGERY], [TEXT]),
    Case("a resection for diverticulitis", [did("Sigmoid resection", reasonCode=[concept(ICD_10_CM, "K57.32")])],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("radiotherapy of a keloid",
         [procedure(concept(SNOMED, "385798007"), reasonCode=[concept(ICD_10_CM, "L91.0")])],
         [], [("", "THERAPY_NOT_OF_CANCER")]),
    Case("not done",
         [procedure(concept(SNOMED, "703423002"), status="not-done")], [], [("status", "THERAPY_NOT_GIVEN")]),
    Case("stopped", [procedure(concept(SNOMED, "385798007"), status="stopped")],
         [("present", "stopped", "2026-01-15")], [("status", "NOT_COMPLETED")]),
    Case("a period that ends before it begins",
         [procedure(concept(SNOMED, "385798007"), performedDateTime=None,
                    performedPeriod={"start": "2026-02-01", "end": "2026-01-01"})],
         [], [("performedPeriod", "INVALID_PERIOD")]),
    Case("only the end, after the index date",
         [procedure(concept(SNOMED, "385798007"), performedDateTime=None, performedPeriod={"end": "2026-05-01"})],
         [("present", "", "")], [("", "DATE_NOT_CERTAIN")]),
    Case("a date in words", [procedure(concept(SNOMED, "385798007"), performedDateTime=None, performedString="in May")],
         [("present", "", "")], [("", "DATE_NOT_CERTAIN"), ("performedString", "UNUSED_ELEMENT")]),
    Case("an unknown one entered in error", [procedure(concept(SNOMED, "1"), status="entered-in-error")],
         [], [("status", "ENTERED_IN_ERROR")]),
    Case("two codes that agree in part",
         [procedure({"coding": [{"system": SNOMED, "code": "703423002"}, {"system": SNOMED, "code": "367336001"}]})],
         [RADIATION, CHEMO_THEN], []),
]  # fmt: skip

CASES = [*WORDS, *REASONS, *STATES, *REFERENCES, *PROCEDURES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_therapy_is_read_as_it_was_given_or_told(case):
    check(case)


# --- what is derived -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([medication()], ("chemotherapy", "ordered")),
        ([gave(OXALIPLATIN)], ("chemotherapy", "")),
        ([medication(), gave(OXALIPLATIN, id_="a1")], ("chemotherapy", "")),
        ([gave(OXALIPLATIN), medication(id_="m2", rxnorm="1547545")], ("chemoimmunotherapy", "ordered")),
        ([named("Carboplatin, Pembrolizumab")], ("chemoimmunotherapy", "")),
        ([named("R-CHOP")], ("chemotherapy", "")),
        ([spanning(ADMINISTRATION, "stopped", "2026-03-01", "2026-04-20")], ("chemotherapy", "")),
        ([gave(METHOTREXATE, **because("Psoriasis"))], None),
    ],
)
def test_a_class_that_rests_on_orders_alone_is_marked(resources, expected):
    found = [f for f in extract_features(bundle(*resources), INDEX).features if f.name == "therapy_class"]
    assert [(f.value, f.status) for f in found] == ([expected] if expected else [])


def test_a_regimen_is_one_line_with_all_its_drugs():
    first = named("FOLFOX", id_="a1", effectiveDateTime="2026-01-02")
    second = gave(OXALIPLATIN, id_="a2", effectiveDateTime="2026-03-02")
    found = {f.name: f.value for f in extract_features(bundle(first, second), INDEX).features}
    assert (found["line_of_therapy"], found["systemic_therapy_start"]) == (1.0, 85.0)


def test_an_administration_after_the_index_date_begins_no_line():
    later = gave("1547545", id_="a2", effectiveDateTime="2026-03-30")
    found = {f.name: f.value for f in extract_features(bundle(gave(OXALIPLATIN), later), INDEX).features}
    assert (found["line_of_therapy"], found["therapy_class"]) == (1.0, "chemotherapy")
