"""Whether a treatment was given for a cancer, as its reasons and profile say.

mCODE's profiles and its extension for the intent are of cancer treatment alone (mCODE 4). Reasons are codes of
diagnoses, wording, or references to Conditions of the record; what such a Condition refutes is no reason.
"""

from __future__ import annotations

import re
from enum import Enum

from tumorcast_clinical.model.readers.context import Context
from tumorcast_clinical.model.record.entry import Entry
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.terms.diagnoses import ICD_10_SYSTEMS, Diagnosis, Kind, diagnosis_of
from tumorcast_clinical.model.terms.systems import SNOMED, system_of

_MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
_MCODE_TREATMENTS = ("cancer-related", "radiotherapy")
_MCODE_INTENTS = ("treatment-intent", "procedure-intent")
_CANCERS = frozenset({Kind.PRIMARY, Kind.SECONDARY, Kind.MALIGNANT, Kind.METASTATIC, Kind.IN_SITU, Kind.UNCERTAIN})
# ICD-10 chapter II without benign neoplasms; Z51.0, Z51.1: sessions of radiotherapy and chemotherapy for neoplasm.
_CANCER_CODE = re.compile(r"(?:C\d\d|D0\d|D3[7-9]|D4[0-8]|Z51\.?[01]).*", re.DOTALL)
_UNSPECIFIC_CODE = re.compile(r"[RUVWXYZ]\d\d.*", re.DOTALL)
_CANCER_WORD = re.compile(
    r"cancer|carcinom|neoplas|tumou?r|malignan|sarcoma|melanoma|blastoma|glioma|mesotheliom|lymphoma|leuka?emia"
    r"|myeloma|krebs|metasta"
)
# SNOMED CT: rheumatoid arthritis, psoriasis, psoriatic arthritis, systemic lupus erythematosus, multiple sclerosis,
# Crohn's disease, ulcerative colitis, ankylosing spondylitis, endometriosis.
_OTHER_DISEASES = frozenset(
    {"69896004", "9014002", "156370009", "55464009", "24700007", "34000006", "64766004", "9631008"} | {"129103003"}
)
_OTHER_WORD = re.compile(
    r"arthriti|rheuma|psoria|lupus|vasculiti|granulomatosis|multiple s[ck]lero|crohn|colitis|pemphig|myasthenia"
    r"|uveitis|sarcoidosis|scleroderma|myositis|dermatitis|eczema|sickle|thalass[ae]+mia|endometrios|infertil"
    r"|macular degeneration|retinopath|ectopic pregnancy|puberty|gyn[ae]+comastia|neuromyelitis"
    r"|h[ae]+molytic an[ae]+mia|thrombocytopenic purpura|keratos[ei]s|graft versus host|nephrotic|transplant rejection"
)
_OTHERS = frozenset({Kind.BENIGN, Kind.COMORBIDITY})
_UNTRUE = frozenset({"refuted", "entered-in-error"})


class Indication(Enum):
    """What a treatment was given for, as far as the record says."""

    CANCER = "cancer"
    OTHER = "other"
    UNKNOWN = "unknown"


def indication_of(entry: Entry, context: Context) -> Indication:
    """Find what the treatment was given for: any cancer among the reasons decides."""
    if _is_mcode(entry.resource):
        return Indication.CANCER
    reasons = [*items(entry.resource, "reasonCode"), *_conditions(entry, context)]
    found = {_of_reason(reason) for reason in reasons}
    if Indication.CANCER in found:
        return Indication.CANCER
    return Indication.OTHER if found == {Indication.OTHER} else Indication.UNKNOWN


def _is_mcode(resource: Json) -> bool:
    """Whether it claims a profile of mCODE for treatments, or carries mCODE's intent of the treatment."""
    profiles = child(resource, "meta").get("profile")
    claimed = [profile for profile in profiles if isinstance(profile, str)] if isinstance(profiles, list) else []
    if any(profile.removeprefix(_MCODE).startswith(_MCODE_TREATMENTS) for profile in claimed):
        return True
    return any(
        text(extension, "url").removeprefix(_MCODE) in _MCODE_INTENTS for extension in items(resource, "extension")
    )


def _conditions(entry: Entry, context: Context) -> list[Json]:
    """Codes of the Conditions that are referred to as reasons; a reference's own display where they are not found."""
    reasons = []
    for reference in items(entry.resource, "reasonReference"):
        name = text(reference, "reference")
        condition = context.referred.find(name, entry) or {}
        verification = {text(coding, "code") for coding in items(child(condition, "verificationStatus"), "coding")}
        if not verification & _UNTRUE:
            reasons.append(child(condition, "code") or {"text": text(reference, "display")})
    return reasons


def _of_reason(reason: Json) -> Indication:
    codes = [text(coding, "code").upper() for coding in items(reason, "coding") if system_of(coding) in ICD_10_SYSTEMS]
    if any(_CANCER_CODE.fullmatch(code) for code in codes):
        return Indication.CANCER
    known = diagnosis_of(reason)
    if isinstance(known, Diagnosis) and known.kind in _CANCERS | _OTHERS:
        return Indication.CANCER if known.kind in _CANCERS else Indication.OTHER
    words = " ".join([text(reason, "text"), *(text(coding, "display") for coding in items(reason, "coding"))]).lower()
    if _CANCER_WORD.search(words) and "benign" not in words:
        return Indication.CANCER
    snomed = {text(coding, "code") for coding in items(reason, "coding") if system_of(coding) == SNOMED}
    if snomed & _OTHER_DISEASES or _OTHER_WORD.search(words):
        return Indication.OTHER
    specific = codes and not any(_UNSPECIFIC_CODE.fullmatch(code) for code in codes)
    return Indication.OTHER if specific else Indication.UNKNOWN
