"""What a variant gives, by gene, kind of change, significance and origin; and what is said where it gives nothing."""

from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, LOINC, bundle, concept, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.terms.genes import genes
from tumorcast_core import catalog
from tumorcast_core.snapshot import Modality, Severity

HGNC, SO = "http://www.genenames.org/geneId", "http://sequenceontology.org"
HGVS, GENE_GROUP = "http://varnomen.hgvs.org", "http://www.genenames.org/genegroup"
TO_BE_CODED = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
PRESENT, ABSENT = concept(LOINC, "LA9633-4", "Present"), concept(LOINC, "LA9634-2", "Absent")
PATHOGENIC, LIKELY_PATHOGENIC = concept(LOINC, "LA6668-3", "Pathogenic"), concept(LOINC, "LA26332-9")
UNCERTAIN, BENIGN = concept(LOINC, "LA26333-7", "Uncertain significance"), concept(LOINC, "LA6675-8", "Benign")
LIKELY_BENIGN = concept(LOINC, "LA26334-5")
GERMLINE, SOMATIC = concept(LOINC, "LA6683-2", "Germline"), concept(LOINC, "LA6684-0", "Somatic")
KRAS, NRAS = concept(HGNC, "HGNC:6407", "KRAS"), concept(HGNC, "HGNC:7989", "NRAS")
EGFR, BRCA1 = concept(HGNC, "HGNC:3236", "EGFR"), concept(HGNC, "HGNC:1100", "BRCA1")
ALK, EML4 = concept(HGNC, "HGNC:427", "ALK"), concept(HGNC, "HGNC:1316", "EML4")
TERT, ERBB2 = concept(HGNC, "HGNC:11730", "TERT"), concept(HGNC, "HGNC:3430", "ERBB2")
NTRK = [concept(HGNC, f"HGNC:{number}") for number in (8031, 8032, 8033)]
FUSION, GAIN = concept(SO, "SO:0001565", "gene_fusion"), concept(SO, "SO:0001742", "copy_number_gain")
LOSS, AMPLIFICATION = concept(SO, "SO:0001743"), concept(SO, "SO:0001889", "transcript_amplification")
SIGNIFICANCE, SOURCE_CLASS, CHANGE_TYPE = "53037-8", "48002-0", "48019-4"
CODING_CHANGE, PROTEIN_CHANGE, GENOMIC_CHANGE, AMINO_ACID_TYPE = "48004-6", "48005-3", "81290-9", "48006-1"


def part(code, value, system=LOINC):
    return {"code": concept(system, code), "valueCodeableConcept": value}


def change(code, wording):
    return part(code, concept(HGVS, wording))


def variant(*parts, value=PRESENT, id_="v1", **more):
    return observation(id_, "69548-6", **{"valueCodeableConcept": value, "component": list(parts), **more})


def gene(value):
    return part("48018-6", value)


def implication(significance, of="Observation/v1", **more):
    code = concept(TO_BE_CODED, "diagnostic-implication")
    return observation(
        "i1",
        code=code,
        component=[part(SIGNIFICANCE, significance)],
        derivedFrom=[{"reference": of}],
        valueString=None,
        **more,
    )


def read(*resources):
    """Values of genomic features, and the issue codes."""
    found = extract_features(bundle(*resources), INDEX)
    genomic = {f.name: f.value for f in found.features if catalog.entry(f.name).modality is Modality.GENOMICS}
    return genomic, [issue.code for issue in found.issues]


PATHO = part(SIGNIFICANCE, PATHOGENIC)

PRESENT_VARIANTS = {
    "code": ([gene(KRAS), PATHO], {"kras_mutation": "present"}, []),
    "number alone": ([gene(concept(HGNC, "6407")), PATHO], {"kras_mutation": "present"}, []),
    "full name as display": (
        [gene(concept(HGNC, "HGNC:6407", "KRAS proto-oncogene, GTPase")), PATHO],
        {"kras_mutation": "present"},
        [],
    ),
    "symbol as code": ([gene(concept(HGNC, "KRAS")), PATHO], {"kras_mutation": "present"}, []),
    "older system": (
        [gene(concept("http://www.genenames.org", "HGNC:6407")), PATHO],
        {"kras_mutation": "present"},
        [],
    ),
    "symbol in words": ([gene({"text": "KRAS"}), PATHO], {"kras_mutation": "present"}, ["READ_FROM_TEXT"]),
    "other symbol": (
        [gene({"text": "HER1"}), PATHO],
        {"egfr_mutation": "present"},
        ["READ_FROM_TEXT"],
    ),
    "code and symbol at odds": ([gene(concept(HGNC, "HGNC:6342", "NRAS")), PATHO], {}, ["CONFLICTING_CODES"]),
    "unknown code, known symbol": ([gene(concept(HGNC, "HGNC:99999", "KRAS")), PATHO], {}, ["CONFLICTING_CODES"]),
    "number of a gene group": ([gene(concept(GENE_GROUP, "6407")), PATHO], {}, ["CODE_SYSTEM_UNKNOWN"]),
    "gene that nothing reads": ([gene(concept(HGNC, "HGNC:6973", "MDM2")), PATHO], {}, ["UNMAPPED_CODE"]),
    "no gene": ([PATHO], {}, ["NO_GENE"]),
    "gene without value": ([{"code": concept(LOINC, "48018-6")}, PATHO], {}, ["NO_CODE"]),
    "likely pathogenic": ([gene(KRAS), part(SIGNIFICANCE, LIKELY_PATHOGENIC)], {"kras_mutation": "present"}, []),
    "uncertain": ([gene(KRAS), part(SIGNIFICANCE, UNCERTAIN)], {}, ["VARIANT_NOT_PATHOGENIC"]),
    "benign": ([gene(KRAS), part(SIGNIFICANCE, BENIGN)], {}, ["VARIANT_NOT_PATHOGENIC"]),
    "likely benign": ([gene(KRAS), part(SIGNIFICANCE, LIKELY_BENIGN)], {}, ["VARIANT_NOT_PATHOGENIC"]),
    "uncertain in words": (
        [gene(KRAS), part(SIGNIFICANCE, {"text": "VUS"})],
        {},
        ["VARIANT_NOT_PATHOGENIC"],
    ),
    "significance not known": ([gene(KRAS), part(SIGNIFICANCE, {"text": "class 4 of 9"})], {}, ["UNKNOWN_VALUE"]),
    "significance at odds": (
        [gene(KRAS), part(SIGNIFICANCE, concept(LOINC, "LA6668-3", "Benign"))],
        {},
        ["UNKNOWN_VALUE"],
    ),
    "two significances": ([gene(KRAS), PATHO, part(SIGNIFICANCE, BENIGN)], {}, ["UNKNOWN_VALUE"]),
    "no significance": ([gene(KRAS)], {"kras_mutation": "present"}, ["SIGNIFICANCE_NOT_STATED"]),
    "somatic": ([gene(BRCA1), PATHO, part(SOURCE_CLASS, SOMATIC)], {"brca1_mutation": "present"}, []),
    "germline": ([gene(BRCA1), PATHO, part(SOURCE_CLASS, GERMLINE)], {"brca1_germline_mutation": "present"}, []),
    "germline, not of the tumor": ([gene(KRAS), PATHO, part(SOURCE_CLASS, GERMLINE)], {}, ["VARIANT_NOT_READ"]),
    "origin unknown": (
        [gene(BRCA1), PATHO, part(SOURCE_CLASS, {"text": "Unknown genomic origin"})],
        {},
        ["UNKNOWN_SOURCE_CLASS"],
    ),
    "origin at odds": (
        [gene(BRCA1), PATHO, part(SOURCE_CLASS, concept(LOINC, "LA6684-0", "Germline"))],
        {},
        ["UNKNOWN_SOURCE_CLASS"],
    ),
    "missense": ([gene(EGFR), PATHO, change(PROTEIN_CHANGE, "p.Leu858Arg")], {"egfr_mutation": "present"}, []),
    "small deletion": (
        [gene(EGFR), PATHO, part(CHANGE_TYPE, concept(LOINC, "LA6692-3", "Deletion"))],
        {"egfr_mutation": "present"},
        [],
    ),
    "silent, by protein": ([gene(EGFR), PATHO, change(PROTEIN_CHANGE, "p.(Gln787=)")], {}, ["VARIANT_NOT_READ"]),
    "silent, by type": (
        [gene(EGFR), PATHO, part(AMINO_ACID_TYPE, concept(LOINC, "LA6700-4", "Silent"))],
        {},
        ["VARIANT_NOT_READ"],
    ),
    "synonymous, by consequence": (
        [gene(EGFR), PATHO, part("molecular-consequence", concept(SO, "SO:0001819"), TO_BE_CODED)],
        {},
        ["VARIANT_NOT_READ"],
    ),
    "wild type": ([gene(EGFR), PATHO, part(CHANGE_TYPE, concept(SO, "SO:0002073"))], {}, ["VARIANT_NOT_READ"]),
    "fusion": (
        [gene(EML4), gene(ALK), PATHO, part(CHANGE_TYPE, FUSION)],
        {"alk_rearrangement": "present"},
        ["UNMAPPED_CODE"],
    ),
    "fusion by its two genes": ([gene(EML4), gene(ALK), PATHO], {"alk_rearrangement": "present"}, ["UNMAPPED_CODE"]),
    "fusion with a known partner": (
        [gene(concept(HGNC, "HGNC:7029", "MET")), gene(ALK), PATHO, part(CHANGE_TYPE, FUSION)],
        {"alk_rearrangement": "present"},
        [],
    ),
    "fusion of two drivers": (
        [gene(concept(HGNC, "HGNC:9967", "RET")), gene(ALK), PATHO, part(CHANGE_TYPE, FUSION)],
        {},
        ["SEVERAL_GENES"],
    ),
    "fusion of one named gene": ([gene(NTRK[1]), PATHO, part(CHANGE_TYPE, FUSION)], {"ntrk_fusion": "present"}, []),
    "fusion that nothing reads": ([gene(KRAS), PATHO, part(CHANGE_TYPE, FUSION)], {}, ["VARIANT_NOT_READ"]),
    "resistance mutation of a fusion's gene": (
        [gene(ALK), PATHO, change(PROTEIN_CHANGE, "p.Gly1202Arg")],
        {},
        ["VARIANT_NOT_READ"],
    ),
    "fusion's gene, kind not stated": ([gene(ALK), PATHO], {}, ["CHANGE_TYPE_NOT_STATED"]),
    "sequence of two genes": (
        [gene(KRAS), gene(NRAS), PATHO, change(CODING_CHANGE, "c.35G>A")],
        {},
        ["SEVERAL_GENES"],
    ),
    "amplification": ([gene(ERBB2), PATHO, part(CHANGE_TYPE, AMPLIFICATION)], {"erbb2_amplification": "present"}, []),
    "gain": ([gene(ERBB2), PATHO, part(CHANGE_TYPE, GAIN)], {}, ["VARIANT_NOT_READ"]),
    "loss": ([gene(concept(HGNC, "HGNC:1787")), PATHO, part(CHANGE_TYPE, LOSS)], {}, ["VARIANT_NOT_READ"]),
    "promoter": (
        [gene(TERT), PATHO, change(CODING_CHANGE, "NM_198253.2:c.-124C>T")],
        {"tert_promoter_mutation": "present"},
        [],
    ),
    "promoter, older spelling": (
        [gene(TERT), PATHO, change(CODING_CHANGE, "c.1-146C>T")],
        {"tert_promoter_mutation": "present"},
        [],
    ),
    "promoter, by genome": (
        [gene(TERT), PATHO, change(GENOMIC_CHANGE, "NC_000005.10:g.1295113G>A")],
        {"tert_promoter_mutation": "present"},
        [],
    ),
    "not of the promoter": ([gene(TERT), PATHO, change(CODING_CHANGE, "c.1234C>T")], {}, ["VARIANT_NOT_READ"]),
    "beside the hot spot": ([gene(TERT), PATHO, change(CODING_CHANGE, "c.-1245C>T")], {}, ["VARIANT_NOT_READ"]),
}


@pytest.mark.parametrize(("parts", "expected", "issues"), PRESENT_VARIANTS.values(), ids=PRESENT_VARIANTS)
def test_a_present_variant_gives_the_feature_of_its_gene_or_says_why_not(parts, expected, issues):
    assert read(variant(*parts)) == (expected, issues)


@pytest.mark.parametrize(
    ("parts", "expected", "issues"),
    [
        ([gene(KRAS)], {"kras_mutation": "absent"}, []),
        ([gene(KRAS), gene(NRAS)], {"kras_mutation": "absent", "nras_mutation": "absent"}, []),
        ([gene(KRAS), gene(KRAS)], {"kras_mutation": "absent"}, []),
        ([gene(KRAS), gene(concept(HGNC, "HGNC:6973"))], {"kras_mutation": "absent"}, ["UNMAPPED_CODE"]),
        ([gene(KRAS), gene(concept(HGNC, "HGNC:6342", "NRAS"))], {}, ["CONFLICTING_CODES"]),
        ([gene(KRAS), change(PROTEIN_CHANGE, "p.Gly12Cys")], {}, ["ONE_CHANGE_ABSENT"]),
        ([gene(KRAS), change(CODING_CHANGE, "c.34G>T")], {}, ["ONE_CHANGE_ABSENT"]),
        ([gene(KRAS), part("81252-9", {"text": "12582"})], {}, ["ONE_CHANGE_ABSENT"]),
        ([gene(ALK)], {}, ["CHANGE_TYPE_NOT_STATED"]),
        ([gene(ALK), part(CHANGE_TYPE, FUSION)], {"alk_rearrangement": "absent"}, []),
        ([gene(NTRK[0]), part(CHANGE_TYPE, FUSION)], {}, ["VARIANT_NOT_READ"]),
        ([*map(gene, NTRK), part(CHANGE_TYPE, FUSION)], {"ntrk_fusion": "absent"}, []),
        ([gene(TERT)], {}, ["VARIANT_NOT_READ"]),
        ([gene(BRCA1), part(SOURCE_CLASS, GERMLINE)], {"brca1_germline_mutation": "absent"}, []),
        ([gene(ERBB2), part(CHANGE_TYPE, AMPLIFICATION)], {"erbb2_amplification": "absent"}, []),
        ([], {}, ["NO_GENE"]),
    ],
)
def test_an_absent_variant_gives_a_feature_for_each_gene_unless_it_is_about_one_change(parts, expected, issues):
    parts = parts or [part(CHANGE_TYPE, FUSION)]
    assert read(variant(*parts, value=ABSENT)) == (expected, issues)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"value": concept(LOINC, "LA18198-4", "No call")}, "NOT_CONCLUSIVE"),
        ({"value": concept(LOINC, "LA11884-6", "Indeterminate")}, "NOT_CONCLUSIVE"),
        ({"value": {"text": "perhaps"}}, "UNKNOWN_VALUE"),
        ({"value": concept(LOINC, "LA9633-4", "Absent")}, "CONFLICTING_CODES"),
        ({"value": None}, "NO_VALUE"),
        ({"value": None, "dataAbsentReason": {"text": "failed"}}, "NO_VALUE"),
        ({"status": "entered-in-error"}, "ENTERED_IN_ERROR"),
        ({"status": "cancelled"}, "CANCELLED"),
        ({"effectiveDateTime": "2026-04-01"}, "AFTER_INDEX_DATE"),
    ],
)
def test_a_variant_without_a_result_gives_no_feature(more, code):
    assert read(variant(gene(KRAS), PATHO, **more)) == ({}, [code])


@pytest.mark.parametrize(
    ("significances", "expected", "codes"),
    [
        ([PATHOGENIC], "present", []),
        ([UNCERTAIN], None, ["VARIANT_NOT_PATHOGENIC"]),
        ([BENIGN], None, ["VARIANT_NOT_PATHOGENIC"]),
        ([PATHOGENIC, UNCERTAIN], "present", []),
        ([PATHOGENIC, BENIGN], None, ["CONFLICTING_CODES"]),
        ([{"text": "?"}], None, ["UNKNOWN_VALUE"]),
    ],
)
@pytest.mark.parametrize("comes_first", [True, False])
def test_an_implication_elsewhere_in_the_record_decides_on_its_variant(significances, expected, codes, comes_first):
    implications = [implication(s) | {"id": f"i{i}"} for i, s in enumerate(significances)]
    found = [variant(gene(KRAS))]
    features, issues = read(*(implications + found if comes_first else found + implications))
    assert (features.get("kras_mutation"), issues) == (expected, codes)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        ({"of": "https://fhir.example.org/r4/Observation/v1"}, {}),
        ({"of": "Observation/v1/_history/3"}, {}),
        ({"of": "Observation/v2"}, {"kras_mutation": "present"}),
        ({"status": "entered-in-error"}, {"kras_mutation": "present"}),
        ({"effectiveDateTime": "2026-04-01"}, {"kras_mutation": "present"}),
    ],
)
def test_an_implication_counts_for_the_variant_that_it_names_and_by_the_index_date(more, expected):
    assert read(variant(gene(KRAS)), implication(BENIGN, **more))[0] == expected


def test_a_significance_of_the_variants_own_counts_before_an_implications():
    assert read(variant(gene(KRAS), PATHO), implication(BENIGN))[0] == {"kras_mutation": "present"}


def test_implications_decide_in_newline_delimited_json_too():
    lines = b"\n".join(
        bundle(resource) for resource in (variant(gene(KRAS)), variant(gene(EGFR), id_="v2"), implication(UNCERTAIN))
    )
    found = extract_features(lines, INDEX)
    assert [f.name for f in found.features if f.name.endswith("_mutation")] == ["egfr_mutation"]


def test_an_implication_without_a_variant_is_told():
    told = implication(PATHOGENIC) | {"derivedFrom": []}
    assert "UNUSED_IMPLICATION" in read(told)[1]


def test_a_variant_without_components_is_of_no_gene():
    assert read(variant(component=None)) == ({}, ["NO_GENE"])


def test_a_region_studied_is_no_finding():
    studied = observation(loinc="53041-0", valueString=None, component=[gene(KRAS), gene(NRAS)])
    assert read(studied) == ({}, ["REGION_STUDIED"])


def test_a_present_variant_names_its_observation_and_an_absent_one_its_component():
    found = extract_features(
        bundle(variant(gene(EGFR), PATHO), variant(gene(KRAS), gene(NRAS), value=ABSENT, id_="v2"))
    )
    sources = {f.name: (f.source, f.coding.code) for f in found.features if f.name.endswith("_mutation")}
    assert sources == {
        "egfr_mutation": ("Observation/v1", "HGNC:3236"),
        "kras_mutation": ("Observation/v2#component[0]", "HGNC:6407"),
        "nras_mutation": ("Observation/v2#component[1]", "HGNC:7989"),
    }


def test_a_preliminary_variant_keeps_its_status_and_a_partial_date_stays_partial():
    found = extract_features(bundle(variant(gene(EGFR), PATHO, status="preliminary", effectiveDateTime="2026-02")))
    (feature,) = [f for f in found.features if f.name == "egfr_mutation"]
    assert (feature.status, feature.effective) == ("preliminary", "2026-02")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (PRESENT, None, "present"),
        (ABSENT, None, None),
        (ABSENT, ABSENT, "absent"),
        (ABSENT, PRESENT, "present"),
    ],
)
def test_idh_is_mutated_if_either_gene_is_and_not_if_both_were_examined(one, other, expected):
    idh1, idh2 = concept(HGNC, "HGNC:5382", "IDH1"), concept(HGNC, "HGNC:5383", "IDH2")
    observations = [variant(gene(idh1), PATHO, value=one)]
    observations += [variant(gene(idh2), PATHO, value=other, id_="v2")] if other else []
    assert read(*observations)[0].get("idh_mutation") == expected


@pytest.mark.parametrize(
    ("loinc", "name"),
    [
        ("21702-6", "kras_mutation"),
        ("82535-6", "kras_mutation"),
        ("21665-5", "egfr_mutation"),
        ("21739-8", "tp53_mutation"),
    ],
)
@pytest.mark.parametrize(("answer", "value"), [("LA11882-0", "present"), ("LA11883-8", "absent")])
def test_a_test_of_one_gene_gives_the_same_feature(loinc, name, answer, value):
    assert read(observation(loinc=loinc, valueCodeableConcept=concept(LOINC, answer)))[0] == {name: value}


def test_every_gene_has_one_id_and_its_features_are_in_the_catalog():
    table = yaml.safe_load(files("tumorcast_clinical.model.terms").joinpath("genes.yaml").read_text())
    ids = [raw["hgnc"] for raw in table.values()]
    assert len(set(ids)) == len(ids)
    for found in genes().values():
        assert found.features
        for name in found.features.values():
            assert catalog.entry(name).categories == ("absent", "present")


@given(data=st.data(), significance=st.sampled_from([PATHOGENIC, UNCERTAIN, BENIGN]))
def test_a_mutation_is_read_exactly_if_it_is_pathogenic_in_any_order_of_components(data, significance):
    named = data.draw(st.sampled_from(sorted({g.symbol for g in genes().values() if "mutation" in g.features})))
    found = genes()[named]
    parts = [
        gene(concept(HGNC, f"HGNC:{found.hgnc}", named)),
        part(SIGNIFICANCE, significance),
        part(SOURCE_CLASS, SOMATIC),
    ]
    features, _ = read(variant(*data.draw(st.permutations(parts))))
    features.pop("idh_mutation", None)
    assert features == ({found.features["mutation"]: "present"} if significance is PATHOGENIC else {})


@pytest.mark.parametrize("parts", [parts for parts, _, _ in PRESENT_VARIANTS.values()])
def test_no_message_about_a_variant_repeats_the_record(parts):
    found = extract_features(bundle(variant(*parts)), INDEX)
    words = {"KRAS", "EGFR", "p.Leu", "c.35", "g.129", "class 4"}
    assert not [issue for issue in found.issues if any(word in issue.message for word in words)]
    assert all(issue.severity is not Severity.FATAL for issue in found.issues)
