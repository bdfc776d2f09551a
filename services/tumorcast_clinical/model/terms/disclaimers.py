"""Wordings that take a diagnosis back: a doubt, a relative's disease, one that is past, or of another behavior.

English and German, and the commonest of French and Spanish, as problem lists write them.
Wordings are in lower case; each is judged on its own.
"""

from __future__ import annotations

import re

from tumorcast_clinical.model.record.tree import Json, items, text

# Not: FH-deficient tumors (fumarate hydratase), Sister Mary Joseph's nodule
_OF_A_RELATIVE = re.compile(
    r"\b(?:family|fam\.?|familial) (?:history|hx)\b|\bfhx?\b(?![- ](?:def|mut|gene))|familienanamnese|"
    r"antécédents? famil|antecedentes? famil|"
    r"\b(?:mother|father|sister(?! mary| joseph)|brother|sibling|aunt|uncle|grandmother|grandfather|cousin|daughter|"
    r"son|husband|wife|maternal|paternal|mutter|vater|schwester|bruder|tante|onkel|großmutter|großvater|tochter|"
    r"sohn)(?:'s)?\b"
)
_FORMERLY = re.compile(
    r"\b(?:(?:personal |past )?(?:medical )?history of|h/o|hx of)\b(?! (?:smoking|tobacco|nicotine|alcohol))|"
    r"^\W*(?:(?:status post|s/p|hx|pmhx?|previous|prior|former|past|cured|zustand nach|ehemalig\w*)\b|z\.?\s?n\.)|"
    r"\bantécédents?\b|\bantecedentes?\b"
)
_RETURN = r"(?:recurren|relapse|progress|metasta)"
_IN_DOUBT = re.compile(
    r"\bsuspect(?:ed)?\b|\bsuspicion of\b|\bsuspicious\b|\bconcern(?:ing)? for\b|\bquestionable\b|^\W*\?|\bquery\b|"
    r"\bpossible\b|\bprobable\b|\b(?:un)?likely\b|\bpresum(?:ed|ptive)\b|\bdifferential\b|\bddx?\b|"
    rf"\bruled? out\b|\br/o\b|\bexcluded?\b|\bno evidence of\b(?! (?:disease|{_RETURN}))|"
    r"\bnegative for\b|\babsence of\b|\babsent\b|^\W*no\b(?! evidence)|"
    r"\bnot (?:present|found|confirmed|detected|seen)\b|\bdenie[sd]\b|"
    r"\b(?:vs|versus)\b|\bscreening for\b|\b(?:cancer|carcinoma) screening\b|"
    rf"\b(?:at )?risk (?:of|for)\b(?! {_RETURN})|"
    r"\bverdacht auf\b|\bv\.\s?a\.|^\W*va\.|sospech|\bsuspicion d|\bfraglich|"
    r"\bkein(?:e|en|er)?\b|ausschlu(?:ss|ß)|ausgeschlossen"
)
_IN_REMISSION = re.compile(
    r"\bno evidence of (?:disease|recurren)|\bned\b|(?<!not )(?<!never )\bin (?:\w+ )?remission\b"
)
_OF_OTHER_BEHAVIOR = re.compile(
    r"\bbenign\b|gutartig|\bsecondary (?:malignant )?neoplasm|\bmetastatic malignant neoplasm to\b|"
    r"^\W*metastas[ei]s (?:to|of|in)\b"
)
_IN_SITU = re.compile(r"\bin situ\b")
_INVASIVE = re.compile(r"invasi|infiltrat|\bwith\b|\band\b|\bmit\b|\bund\b")


# Every wording that a pattern above matches has one of these words or stems; most wordings have none, and are fast.
_WORD = re.compile(r"\w+")
_TELLING = """
family fam familial fhx fh mother father sister brother sibling aunt uncle grandmother grandfather cousin daughter son
husband wife maternal paternal mutter vater schwester bruder tante onkel großmutter großvater tochter sohn
history h hx pmh pmhx status p previous prior former past cured zustand z zn
suspect suspected suspicion suspicious concern concerning questionable query possible probable likely unlikely presumed
presumptive differential dd ddx rule ruled r exclude excluded evidence negative absence absent no not denies denied vs
versus screening risk verdacht v va kein keine keinen keiner ned remission benign secondary metastatic situ
"""
_TELLING_WORDS = frozenset(_TELLING.split())
_TELLING_STEMS = ("?", "anamnese", "antéc", "antec", "ehemalig", "fraglich", "ausschlu", "ausgeschlossen", "sospech",
                  "gutartig", "metastas")  # fmt: skip


def wordings_of(concept: Json) -> list[str]:
    """Text and displays of a concept in lower case, each once."""
    found = (text(concept, "text"), *(text(coding, "display") for coding in items(concept, "coding")))
    return list(dict.fromkeys(wording.lower() for wording in found if wording))


def telling_wordings_of(concept: Json) -> list[str]:
    """Those of the wordings that may take the diagnosis back.

    >>> telling_wordings_of({"text": "Lung cancer", "coding": [{"display": "No lung cancer"}]})
    ['no lung cancer']
    """
    return [wording for wording in wordings_of(concept) if _may_tell(wording)]


def _may_tell(wording: str) -> bool:
    return not _TELLING_WORDS.isdisjoint(_WORD.findall(wording)) or any(stem in wording for stem in _TELLING_STEMS)


def is_of_a_relative(wordings: list[str]) -> bool:
    """Whether a wording speaks of somebody in the family.

    >>> is_of_a_relative(["breast cancer in mother"]), is_of_a_relative(["familial breast cancer"])
    (True, False)
    """
    return any(_OF_A_RELATIVE.search(wording) for wording in wordings)


def is_in_doubt(wordings: list[str]) -> bool:
    """Whether a wording suspects, denies or excludes what it names.

    >>> is_in_doubt(["lung cancer ruled out"]), is_in_doubt(["lung cancer, high risk of recurrence"])
    (True, False)
    """
    return any(_IN_DOUBT.search(wording) for wording in wordings)


def is_past(wordings: list[str]) -> bool:
    """Whether a wording calls the disease itself past; a past treatment of it does not.

    >>> is_past(["s/p breast cancer"]), is_past(["breast cancer s/p mastectomy"])
    (True, False)
    """
    return any(_FORMERLY.search(wording) for wording in wordings)


def is_in_remission(wordings: list[str]) -> bool:
    """Whether a wording says that it is in remission, or that no evidence of it is left."""
    return any(_IN_REMISSION.search(wording) for wording in wordings)


def is_no_primary_cancer(wordings: list[str]) -> bool:
    """Whether a wording calls a neoplasm benign, in situ only, or a metastasis.

    >>> is_no_primary_cancer(["carcinoma in situ of breast"]), is_no_primary_cancer(["invasive, with dcis in situ"])
    (True, False)
    """
    return any(
        _OF_OTHER_BEHAVIOR.search(wording) or (_IN_SITU.search(wording) and not _INVASIVE.search(wording))
        for wording in wordings
    )
