"""The organ of a lesion and whether it is a lymph node, from the codes and words it was drawn with.

A region's anatomic region code comes first, its property type and label after it. Only what is said counts; sides and
lobes do not make two organs (RECIST 1.1, section 4.2: paired organs count as one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tumorcast_imaging.dicom import Region

NODE = "lymph node"
_NODE_CODES = frozenset({"59441001", "T-C4000", "68171009", "8928004", "54268001", "62683002"})
"""SNOMED CT: lymph node structure (also as SRT code), and that of the axilla, groin, pelvis and mediastinum."""
_NODE_WORDS = re.compile(r"\b(?:lymph[\s_-]*)?nodes?\b|\blymphadenopath\w*|\bnodal\b", re.IGNORECASE)
_ORGANS = {
    "adrenal": ("adrenal", "suprarenal"),
    "bladder": ("bladder",),
    "bone": ("bone", "skeletal", "vertebra", "vertebral", "rib", "femur", "pelvic bone", "osseous"),
    "brain": ("brain", "cerebral", "cerebellar", "cerebellum", "cerebrum", "intracranial"),
    "breast": ("breast", "mammary"),
    "colon": ("colon", "colonic"),
    "esophagus": ("esophagus", "oesophagus", "esophageal"),
    "kidney": ("kidney", "renal"),
    "liver": ("liver", "hepatic"),
    "lung": ("lung", "pulmonary", "lungs"),
    "ovary": ("ovary", "ovarian"),
    "pancreas": ("pancreas", "pancreatic"),
    "peritoneum": ("peritoneum", "peritoneal", "omentum", "omental"),
    "pleura": ("pleura", "pleural"),
    "prostate": ("prostate", "prostatic"),
    "rectum": ("rectum", "rectal"),
    "skin": ("skin", "cutaneous", "subcutaneous"),
    "soft tissue": ("soft tissue", "muscle", "thigh", "calf", "buttock"),
    "spleen": ("spleen", "splenic"),
    "stomach": ("stomach", "gastric"),
    "thyroid": ("thyroid",),
    "uterus": ("uterus", "uterine", "endometrium", "endometrial", "cervix"),
}
_WORDS = {word: organ for organ, words in _ORGANS.items() for word in words}
_ANY = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})\b", re.IGNORECASE)


def is_node(region: Region) -> bool:
    """Whether the region is said to be a lymph node."""
    codes = [coding.code for coding in (region.site, region.type) if coding is not None]
    return any(code in _NODE_CODES for code in codes) or any(_NODE_WORDS.search(text) for text in _texts(region))


def organ_of(region: Region) -> str:
    """The organ that the region is said to lie in; "" if it does not say, or names several.

    >>> import numpy as np
    >>> organ_of(Region(np.ones((1, 1, 1), bool), 1, label="Metastasis 2, left lower lobe of lung"))
    'lung'
    """
    if is_node(region):
        return NODE
    for text in _texts(region):
        organs = set(_organs_in([text]))
        if organs:
            return organs.pop() if len(organs) == 1 else ""
    return ""


def _texts(region: Region) -> Iterator[str]:
    yield from (coding.display for coding in (region.site, region.type) if coding is not None)
    yield region.label.replace("_", " ")


def _organs_in(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (_WORDS[word.lower()] for word in _ANY.findall(text))
