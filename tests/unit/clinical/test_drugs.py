"""Which drugs codes and words mean, and what is made of drugs that were given, ordered, stopped or never given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import RXNORM, Resource, bundle, codes, concept, features, medication
from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.terms import drug_table
from tumorcast_clinical.model.terms.drug_table import product_of

ATC, ATC_GERMAN = "http://www.whocc.no/atc", "http://fhir.de/CodeSystem/bfarm/atc"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-related-medication-request"


def named(text: str) -> Resource:
    return concept("", "", text=text)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (concept(RXNORM, "32592"), {"oxaliplatin": "chemotherapy"}),
        (concept(RXNORM, "1547545"), {"pembrolizumab": "immunotherapy"}),
        (concept(RXNORM, "1", "pembrolizumab 100 MG in 4 ML Injection"), {"pembrolizumab": "immunotherapy"}),
        (concept(RXNORM, "1", "5 ML daratumumab 20 MG/ML Injection [Darzalex]"), {"daratumumab": "targeted_therapy"}),
        (concept(RXNORM, "2017575"), {"cytarabine": "chemotherapy", "daunorubicin": "chemotherapy"}),
        (concept("urn:oid:2.16.840.1.113883.6.88", "40048"), {"carboplatin": "chemotherapy"}),
        (concept(ATC, "L01XA02"), {"carboplatin": "chemotherapy"}),
        (concept(ATC_GERMAN, "l01ff02"), {"pembrolizumab": "immunotherapy"}),
        (concept(ATC, "L01XC18"), {"pembrolizumab": "immunotherapy"}),
        (concept(ATC, "L01XE03"), {"erlotinib": "targeted_therapy"}),
        (concept(ATC, "L01XK52"), {"abiraterone": "endocrine_therapy", "niraparib": "targeted_therapy"}),
        (concept(ATC, "L04AX03"), {"methotrexate": "supportive"}),
        (concept(ATC, "L01BA01"), {"methotrexate": "chemotherapy"}),
        (concept(ATC, "L04AX04"), {"lenalidomide": "targeted_therapy"}),
        (concept(ATC, "L04AH02"), {"everolimus": "supportive"}),
        (concept(ATC, "L01EG02"), {"everolimus": "targeted_therapy"}),
        (concept(ATC, "L01FF99"), {"L01FF99": "immunotherapy"}),
        (concept(ATC, "L01EX99", "newtinib"), {"L01EX99": "targeted_therapy"}),
        (concept(ATC, "L01CD"), {"L01CD": "chemotherapy"}),
        (concept(ATC, "L02BG99"), {"L02BG99": "endocrine_therapy"}),
        (concept(ATC, "V10XX99"), {"V10XX99": "radiopharmaceutical"}),
        (concept(ATC, "A04AA01"), {"A04AA01": "supportive"}),
        (named("bevacizumab-awwb 25 mg/mL"), {"bevacizumab": "targeted_therapy"}),
        (named("Trastuzumab-dkst"), {"trastuzumab": "targeted_therapy"}),
        (named("fam-trastuzumab deruxtecan-nxki"), {"trastuzumab deruxtecan": "antibody_drug_conjugate"}),
        (named("ado-trastuzumab emtansine"), {"trastuzumab emtansine": "antibody_drug_conjugate"}),
        (named("T-DM1"), {"trastuzumab emtansine": "antibody_drug_conjugate"}),
        (named("Phesgo"), {"pertuzumab": "targeted_therapy", "trastuzumab": "targeted_therapy"}),
        (named("Opdualag 480 mg"), {"nivolumab": "immunotherapy", "relatlimab": "immunotherapy"}),
        (named("pembrolizumab / berahyaluronidase alfa"), {"pembrolizumab": "immunotherapy"}),
        (named("doxorubicin liposomal (Caelyx)"), {"doxorubicin": "chemotherapy"}),
        (named("nab-paclitaxel"), {"paclitaxel": "chemotherapy"}),
        (named("5-FU"), {"fluorouracil": "chemotherapy"}),
        (named("Carmustine implant"), {"carmustine implant": "local"}),
        (named("Gliadel"), {"carmustine implant": "local"}),
        (named("fluorouracil 50 MG/ML Topical Cream"), {"fluorouracil": "local"}),
        (named("bevacizumab intravitreal"), {"bevacizumab": "local"}),
        (named("Leucovorin calcium"), {"folinic acid": "supportive"}),
        (named("FOLINIC ACID 50 mg"), {"folinic acid": "supportive"}),
        (named("Cyclophosphamid 500 mg i.v."), {"cyclophosphamide": "chemotherapy"}),
        (named("Capecitabin"), {"capecitabine": "chemotherapy"}),
        (named("Cisplatine"), {"cisplatin": "chemotherapy"}),
        (named("lutetium Lu 177 dotatate"), {"lutetium dotatate": "radiopharmaceutical"}),
        (named("tisagenlecleucel"), {"tisagenlecleucel": "cellular_therapy"}),
        (named("Leuprorelin 11.25 mg depot"), {"leuprolide": "endocrine_therapy"}),
        (concept(RXNORM, "4492", text="fluorouracil with leucovorin"),
         {"fluorouracil": "chemotherapy", "folinic acid": "supportive"}),
        (concept(ATC, "L01EX99", "ribociclib"), {"ribociclib": "targeted_therapy"}),
    ],
)  # fmt: skip
def test_codes_and_words_name_drugs_of_a_class(code, expected):
    assert {drug.name: drug.drug_class for drug in product_of(code).drugs} == expected


def coding(system: str, code: str, display: str = "") -> Resource:
    return concept(system, code, display)["coding"][0]


@pytest.mark.parametrize(
    ("code", "issue"),
    [
        (concept(RXNORM, "32592", "carboplatin 10 MG/ML"), "CONFLICTING_CODES"),
        (concept(RXNORM, "224905", "trastuzumab emtansine"), "CONFLICTING_CODES"),
        (concept(ATC, "L01FF99", "imatinib"), "CONFLICTING_CODES"),
        ({"coding": [coding(RXNORM, "32592"), coding(RXNORM, "1547545")]}, "CONFLICTING_CODES"),
        ({"coding": [coding(RXNORM, "32592"), coding(ATC, "L01FF02")]}, "CONFLICTING_CODES"),
        (concept(ATC, "L01FX99"), "UNMAPPED_CODE"),
        (concept(ATC, "C09AA05", "ramipril"), "UNMAPPED_CODE"),
        (concept(RXNORM, "1191", "aspirin"), "UNMAPPED_CODE"),
        (concept("", "32592"), "CODE_SYSTEM_MISSING"),
        (concept("http://hospital.example/drugs", "CARBO1"), "CODE_SYSTEM_UNKNOWN"),
        (named("study drug"), "NO_CODE"),
        (named("carboplatinum-like agent"), "NO_CODE"),
        ({}, "NO_CODE"),
        (named("Pembrolizumab or placebo"), "BLINDED_THERAPY"),
    ],
)
def test_a_drug_that_is_not_known_or_contradicts_itself_is_refused(code, issue):
    found = product_of(code)
    assert isinstance(found, Refusal)
    assert found.code == issue


def test_two_codings_that_agree_are_one_drug():
    found = product_of({"coding": [coding(ATC, "L01XA03"), coding(RXNORM, "32592")]})
    assert [drug.name for drug in found.drugs] == ["oxaliplatin"]
    assert (found.coding.system, found.coding.code) == (ATC, "L01XA03")


@pytest.mark.parametrize("codings", [("ATC", "RXNORM"), ("RXNORM", "ATC")])
def test_the_class_of_an_atc_code_counts_in_any_order(codings):
    known = {"ATC": coding(ATC, "L04AX03"), "RXNORM": coding(RXNORM, "6851")}
    (drug,) = product_of({"coding": [known[name] for name in codings]}).drugs
    assert (drug.name, drug.drug_class) == ("methotrexate", "supportive")


def test_words_that_name_a_further_drug_than_the_code_are_told():
    data = bundle(medication(medicationCodeableConcept=concept(RXNORM, "4492", text="fluorouracil, oxaliplatin")))
    assert codes(data) == ["READ_FROM_TEXT"]


def test_the_table_holds_at_least_150_anticancer_drugs_and_no_code_of_two_classes():
    table = drug_table._table()
    treating = [drug for drug in table.drugs.values() if drug.drug_class not in drug_table.NOT_TREATMENT]
    assert len(treating) >= 150
    several = {key: names for key, names in table.by_code.items() if len(names) > 1}
    assert {code for _, code in several} == {"L01XY01", "2017575", "L01FY01", "L01FY02", "L01XK52", "L02AE51"}


def test_every_atc_code_has_the_form_of_its_level():
    every = [code for system, code in drug_table._table().by_code if system == ATC]
    assert all(len(code) == 7 and code[0].isalpha() and code[1:3].isdigit() and code[5:].isdigit() for code in every)


@given(st.text(max_size=60), st.sampled_from(sorted(drug_table._table().drugs)))
def test_a_drugs_name_is_found_among_any_other_words(words, name):
    found = product_of({"text": f"{name} | {''.join(c for c in words if not c.isalnum())}"})
    assert not isinstance(found, Refusal)
    assert name in {drug.name for drug in found.drugs}


# --- statuses, intents and dates -------------------------------------------------------------------------------------

NOT_GIVEN, NOT_CURRENT = ["THERAPY_NOT_GIVEN"], ["THERAPY_NOT_CURRENT"]
REQUEST, STATEMENT, ADMINISTRATION = "MedicationRequest", "MedicationStatement", "MedicationAdministration"


@pytest.mark.parametrize(
    ("kind", "more", "marks", "issues"),
    [
        (REQUEST, {}, ["ordered"], []),
        (REQUEST, {"status": "completed"}, [""], NOT_CURRENT),
        (REQUEST, {"status": "stopped"}, ["stopped"], NOT_CURRENT),
        (REQUEST, {"status": "on-hold"}, ["on-hold"], NOT_CURRENT),
        (REQUEST, {"status": "unknown"}, ["unknown"], NOT_CURRENT),
        (REQUEST, {"status": "cancelled"}, [], NOT_GIVEN),
        (REQUEST, {"status": "draft"}, [], NOT_GIVEN),
        (REQUEST, {"status": "entered-in-error"}, [], ["ENTERED_IN_ERROR"]),
        (REQUEST, {"intent": "proposal"}, [], NOT_GIVEN),
        (REQUEST, {"intent": "plan"}, [], NOT_GIVEN),
        (REQUEST, {"intent": "option"}, [], NOT_GIVEN),
        (REQUEST, {"intent": "original-order"}, ["ordered"], []),
        (REQUEST, {"intent": "instance-order"}, ["ordered"], []),
        (REQUEST, {"intent": "plan", "status": "stopped"}, [], NOT_GIVEN),
        (REQUEST, {"doNotPerform": True}, [], NOT_GIVEN),
        (REQUEST, {"doNotPerform": True, "status": "completed"}, [], NOT_GIVEN),
        (REQUEST, {"doNotPerform": False}, ["ordered"], []),
        (REQUEST, {"status": "stopped", "statusReason": concept("", "", text="toxicity")}, ["stopped"], NOT_CURRENT),
        (REQUEST, {"authoredOn": "2026-03-29"}, [], ["AFTER_INDEX_DATE"]),
        (REQUEST, {"authoredOn": "2027"}, [], ["AFTER_INDEX_DATE"]),
        (REQUEST, {"authoredOn": "2026"}, ["ordered"], ["DATE_NOT_CERTAIN"]),
        (REQUEST, {"authoredOn": None}, ["ordered"], ["DATE_NOT_CERTAIN"]),
        (STATEMENT, {}, [""], []),
        (STATEMENT, {"status": "completed"}, [""], NOT_CURRENT),
        (STATEMENT, {"status": "stopped"}, ["stopped"], NOT_CURRENT),
        (STATEMENT, {"status": "on-hold"}, ["on-hold"], NOT_CURRENT),
        (STATEMENT, {"status": "unknown"}, ["unknown"], NOT_CURRENT),
        (STATEMENT, {"status": "intended"}, [], NOT_GIVEN),
        (STATEMENT, {"status": "not-taken"}, [], NOT_GIVEN),
        (STATEMENT, {"status": "entered-in-error"}, [], ["ENTERED_IN_ERROR"]),
        (STATEMENT, {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-04-01"}}, [], ["AFTER_INDEX_DATE"]),
        (STATEMENT, {"effectiveDateTime": None, "effectivePeriod": {"end": "2026-01-01"}}, [""], NOT_CURRENT),
        (STATEMENT, {"effectiveDateTime": None, "effectivePeriod": {"end": "2026-05-01"}}, [""], ["DATE_NOT_CERTAIN"]),
        (STATEMENT, {"effectiveDateTime": None}, [""], ["DATE_NOT_CERTAIN"]),
        (ADMINISTRATION, {}, [""], []),
        (ADMINISTRATION, {"status": "in-progress"}, [""], []),
        (ADMINISTRATION, {"status": "stopped"}, ["stopped"], NOT_CURRENT),
        (ADMINISTRATION, {"status": "on-hold"}, ["on-hold"], NOT_CURRENT),
        (ADMINISTRATION, {"status": "unknown"}, ["unknown"], NOT_CURRENT),
        (ADMINISTRATION, {"status": "not-done"}, [], NOT_GIVEN),
        (ADMINISTRATION, {"status": "entered-in-error"}, [], ["ENTERED_IN_ERROR"]),
        (ADMINISTRATION, {"effectiveDateTime": "2025-06-01"}, [""], NOT_CURRENT),
        (ADMINISTRATION, {"effectiveDateTime": "2026-03-29T00:30:00+02:00"}, [], ["AFTER_INDEX_DATE"]),
    ],
)
def test_every_status_intent_and_date_has_a_rule(kind, more, marks, issues):
    data = bundle(medication(kind, **more))
    assert [f.status for f in features(data, "systemic_therapy")] == marks
    assert codes(data) == issues


def spanning(status: str, start: str, end: str) -> Resource:
    return medication(STATEMENT, status=status, effectiveDateTime=None, effectivePeriod={"start": start, "end": end})


@pytest.mark.parametrize(
    ("resource", "mark", "current"),
    [
        (spanning("stopped", "2026-01-01", "2026-05-01"), "", True),
        (spanning("stopped", "2026-01-01", "2026-03-01"), "stopped", False),
        (spanning("on-hold", "2026-01-01", "2026-05-01"), "", True),
        (spanning("completed", "2026-01-01", "2026-05-01"), "", True),
        (spanning("completed", "2026-01-01", "2026-03-01"), "", False),
        (spanning("completed", "2026-01-01", "2026-03-28"), "", True),
        (spanning("active", "2026-01-01", "2026-03-01"), "", False),
    ],
)
def test_what_ended_after_the_index_date_was_current_then(resource, mark, current):
    data = bundle(resource)
    assert [f.status for f in features(data, "systemic_therapy")] == [mark]
    assert bool(features(data, "therapy_class")) is current


def test_a_period_that_ends_before_it_begins_is_refused():
    assert codes(bundle(spanning("active", "2026-03-01", "2026-01-01"))) == ["INVALID_PERIOD"]


def test_a_systemic_therapy_says_what_when_and_where():
    (feature,) = features(bundle(medication(ADMINISTRATION, "a1", rxnorm="40048")), "systemic_therapy")
    assert (feature.value, feature.effective, feature.source) == (
        "chemotherapy", "2026-02-20", "MedicationAdministration/a1",
    )  # fmt: skip
    assert (feature.coding.system, feature.coding.code, feature.coding.display) == (RXNORM, "40048", "carboplatin")


def test_a_partial_start_stays_partial():
    (feature,) = features(bundle(medication(STATEMENT, effectiveDateTime="2025-11")), "systemic_therapy")
    assert feature.effective == "2025-11"


def test_one_product_of_two_classes_gives_one_feature():
    data = bundle(medication(medicationCodeableConcept=concept(ATC, "L01XK52")))
    assert [f.value for f in features(data, "systemic_therapy")] == ["combination"]


def test_different_drugs_of_one_day_are_no_rivals():
    data = bundle(medication(ADMINISTRATION, "a1"), medication(ADMINISTRATION, "a2", rxnorm="1547545"))
    assert sorted(f.value for f in features(data, "systemic_therapy")) == ["chemotherapy", "immunotherapy"]
    assert codes(data) == []


@pytest.mark.parametrize("text", ["Ondansetron 8 mg", "dexamethasone", "Gliadel", "denosumab", "mesna"])
def test_a_supportive_or_local_drug_is_told_and_gives_no_feature(text):
    data = bundle(medication(medicationCodeableConcept=named(text)))
    assert (features(data, "systemic_therapy"), codes(data)) == ([], ["UNUSED_THERAPY"])


# --- references ------------------------------------------------------------------------------------------------------

DRUG = {"resourceType": "Medication", "id": "d1", "code": concept(RXNORM, "32592")}
UNUSED = ["UNUSED_RESOURCE"]


def referring(reference: Resource, **more: object) -> Resource:
    return medication(medicationCodeableConcept=None, medicationReference=reference, **more)


@pytest.mark.parametrize(
    ("reference", "expected", "issues"),
    [
        ({"reference": "Medication/d1"}, ["chemotherapy"], []),
        ({"reference": "Medication/d1/_history/2"}, ["chemotherapy"], []),
        ({"reference": "http://server.example/fhir/Medication/d1"}, ["chemotherapy"], []),
        ({"reference": "Medication/d2"}, [], ["REFERENCE_NOT_FOUND", *UNUSED]),
        ({"reference": "#d1"}, [], ["REFERENCE_NOT_FOUND", *UNUSED]),
        ({"reference": "urn:uuid:0c3c5f3e-7c3f-4f6e-9a57-2b4b5d3c0a11"}, [], ["REFERENCE_NOT_FOUND", *UNUSED]),
        ({"reference": "Medication/d2", "display": "Carboplatin"}, ["chemotherapy"], ["READ_FROM_TEXT", *UNUSED]),
        ({"display": "Carboplatin"}, ["chemotherapy"], ["READ_FROM_TEXT", *UNUSED]),
        ({"reference": "Medication/d2", "display": "the usual"}, [], ["REFERENCE_NOT_FOUND", *UNUSED]),
    ],
)
def test_a_reference_to_the_drug_is_resolved_or_told(reference, expected, issues):
    data = bundle(referring(reference), DRUG)
    assert ([f.value for f in features(data, "systemic_therapy")], codes(data)) == (expected, issues)


@pytest.mark.parametrize(
    ("medicine", "expected", "issues"),
    [
        (DRUG | {"status": "entered-in-error"}, [], ["ENTERED_IN_ERROR"]),
        (DRUG | {"status": "inactive"}, ["chemotherapy"], []),
        (DRUG | {"code": named("mixture"), "ingredient": [{"itemCodeableConcept": concept(RXNORM, "40048")}]},
         ["chemotherapy"], []),
        (DRUG | {"code": named("mixture"), "ingredient": [{"itemCodeableConcept": concept(RXNORM, code)}
                                                          for code in ("40048", "1547545", "3264")]},
         ["combination"], []),
        (DRUG | {"code": named("mixture"),
                 "ingredient": [{"itemCodeableConcept": concept(RXNORM, "40048"), "isActive": False}]},
         [], ["NO_CODE"]),
        (DRUG | {"code": None}, [], ["NO_CODE"]),
    ],
)  # fmt: skip
def test_a_medication_is_read_by_its_code_else_by_its_active_ingredients(medicine, expected, issues):
    held = {key: value for key, value in medicine.items() if value is not None}
    data = bundle(referring({"reference": "Medication/d1"}), held)
    assert ([f.value for f in features(data, "systemic_therapy")], codes(data)) == (expected, issues)


# --- indications -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "used", "issues"),
    [
        ({}, True, ["INDICATION_NOT_CERTAIN"]),
        ({"meta": {"profile": [MCODE]}}, True, []),
        ({"reasonCode": [concept(ICD, "C91.0")]}, True, []),
        ({"reasonCode": [concept(ICD, "M05.9")]}, False, ["THERAPY_NOT_OF_CANCER"]),
        ({"reasonCode": [concept(ICD, "M05.9"), concept(ICD, "C83.3")]}, True, []),
        ({"reasonCode": [concept(ICD, "Z79.899")]}, True, ["INDICATION_NOT_CERTAIN"]),
        ({"reasonCode": [concept("", "", text="ALL, acute lymphoblastic leukemia")]}, True, []),
        ({"reasonReference": [{"reference": "Condition/none", "display": "Breast cancer"}]}, True, []),
        ({"reasonReference": [{"reference": "Condition/none"}]}, True, ["INDICATION_NOT_CERTAIN"]),
    ],
)
def test_a_drug_of_other_diseases_too_is_used_unless_they_alone_are_its_reason(more, used, issues):
    data = bundle(medication(rxnorm="6851", **more))
    assert (bool(features(data, "systemic_therapy")), codes(data)) == (used, issues)
