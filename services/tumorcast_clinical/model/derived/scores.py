"""Scores of liver, kidney and inflammation from results of one calendar day; each names its source."""

from __future__ import annotations

from math import log10, sqrt

from tumorcast_clinical.model.derived.formulas import Formula

_UMOL_PER_MG_BILIRUBIN = 17.104  # (umol/L) / (mg/dL), of 584.66 g/mol
_ASCITES_POINTS = {"absent": 1, "mild": 2, "moderate": 3, "severe": 3}
_ENCEPHALOPATHY_POINTS = {"absent": 1, "mild": 2, "severe": 3}


def albi_score(bilirubin: float, albumin: float) -> float:
    """Albumin-bilirubin score; bilirubin in mg/dL, albumin in g/dL (Johnson 2015, J Clin Oncol 33:550)."""
    return 0.66 * log10(bilirubin * _UMOL_PER_MG_BILIRUBIN) - 0.085 * albumin * 10


def albi_grade(score: float) -> float:
    """Grade 1 to 3.

    >>> [albi_grade(score) for score in (-2.6, -2.59, -1.39, -1.38)]
    [1, 2, 2, 3]
    """
    return 1 + (score > -2.60) + (score > -1.39)


def child_pugh_score(bilirubin: float, albumin: float, inr: float, ascites: str, encephalopathy: str) -> float:
    """5 to 15 points (Pugh 1973, Br J Surg 60:646, with the INR for the prothrombin time).

    Bilirubin in mg/dL, albumin in g/dL. Mild encephalopathy is of grade 1 or 2, severe of 3 or 4; moderate may be
    either and has no points, as findings have whose severity is not known: ``ValueError``.
    """
    if ascites not in _ASCITES_POINTS or encephalopathy not in _ENCEPHALOPATHY_POINTS:
        raise ValueError("a finding of unknown severity")
    return (
        (1 + (bilirubin >= 2) + (bilirubin > 3))
        + (1 + (albumin <= 3.5) + (albumin < 2.8))
        + (1 + (inr >= 1.7) + (inr > 2.3))
        + _ASCITES_POINTS[ascites]
        + _ENCEPHALOPATHY_POINTS[encephalopathy]
    )


def child_pugh_class(score: float) -> str:
    """Class A (5, 6), B (7 to 9) or C (10 to 15)."""
    return "A" if score <= 6 else "B" if score <= 9 else "C"


def corrected_calcium(calcium: float, albumin: float) -> float:
    """Calcium in mg/dL at an albumin of 4 g/dL (Payne 1973, Br Med J 4:643, in these units)."""
    return calcium + 0.8 * (4 - albumin)


def modified_glasgow(c_reactive_protein: float, albumin: float) -> float:
    """0 to 2; CRP in mg/L, albumin in g/dL (McMillan 2013, Cancer Treat Rev 39:534)."""
    return 0 if c_reactive_protein <= 10 else 1 + (albumin < 3.5)


def fib_4(aspartate: float, alanine: float, platelets: float, age: int, _sex: str) -> float:
    """FIB-4; aminotransferases in U/L, platelets in 10*9/L, age in years (Sterling 2006, Hepatology 43:1317)."""
    return age * aspartate / (platelets * sqrt(alanine))


def glomerular_filtration_rate(creatinine: float, age: int, sex: str) -> float:
    """CKD-EPI 2021, in mL/min/1.73 m2 of creatinine in mg/dL (Inker 2021, N Engl J Med 385:1737)."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "female" else (0.9, -0.302, 1.0)
    relative = creatinine / kappa
    return float(142 * min(relative, 1) ** alpha * max(relative, 1) ** -1.2 * 0.9938**age * factor)


_CHILD_PUGH_INPUTS = {
    "total_bilirubin": "mg/dL",
    "albumin": "g/dL",
    "international_normalized_ratio": "",
    "ascites_severity": "",
    "hepatic_encephalopathy": "",
}

SCORES = (
    Formula(
        "albi_score",
        {"total_bilirubin": "mg/dL", "albumin": "g/dL"},
        albi_score,
        "0.66 * log10(total_bilirubin in umol/L) - 0.085 * albumin in g/L",
        of_one_day=True,
    ),
    Formula("albi_grade", {"albi_score": ""}, albi_grade, "1 up to -2.60, 2 up to -1.39, else 3", of_one_day=True),
    Formula(
        "child_pugh_score",
        _CHILD_PUGH_INPUTS,
        child_pugh_score,
        f"Child-Pugh points of {', '.join(_CHILD_PUGH_INPUTS)}",
        of_one_day=True,
        in_steps=True,
        findings=frozenset({"ascites_severity", "hepatic_encephalopathy"}),
    ),
    Formula(
        "child_pugh_class", {"child_pugh_score": ""}, child_pugh_class, "A: 5-6, B: 7-9, C: 10-15", of_one_day=True
    ),
    Formula(
        "corrected_calcium",
        {"calcium": "mg/dL", "albumin": "g/dL"},
        corrected_calcium,
        "calcium + 0.8 * (4 - albumin)",
        of_one_day=True,
    ),
    Formula(
        "modified_glasgow_prognostic_score",
        {"c_reactive_protein": "mg/L", "albumin": "g/dL"},
        modified_glasgow,
        "0 if c_reactive_protein <= 10, else 2 if albumin < 3.5, else 1",
        of_one_day=True,
        in_steps=True,
    ),
    Formula(
        "fib_4",
        {"aspartate_aminotransferase": "U/L", "alanine_aminotransferase": "U/L", "platelet_count": "10*9/L"},
        fib_4,
        "age * aspartate_aminotransferase / (platelet_count * sqrt(alanine_aminotransferase))",
        of_one_day=True,
        of_adults=True,
    ),
    Formula(
        "estimated_glomerular_filtration_rate",
        {"creatinine": "mg/dL"},
        glomerular_filtration_rate,
        "CKD-EPI 2021 of creatinine, age and sex",
        of_one_day=True,
        of_adults=True,
    ),
)
