"""Simulated courses of the sum of diameters with known truth, by code that shares nothing with the forecast's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tumorcast_training.growth import Course

LOG_KILL, LOG_GROWTH = np.log(0.005), np.log(0.001)
KILL_SD, GROWTH_SD = 0.6, 0.5
NOISE, DRIFT, OFFSET_MM = 0.08, 0.10, 5.0
HEADER = "id,year,tumor.size,treatment,age,who.PS,prev.resection\n"


def simulated_course(rng: np.random.Generator, scans: int, every_days: float = 60.0) -> tuple[Course, float, float]:
    """A course with its true d and g per day: growth-kill, a random walk, proportional and additive noise."""
    kill = float(np.exp(LOG_KILL + KILL_SD * rng.standard_normal()))
    growth = float(np.exp(LOG_GROWTH + GROWTH_SD * rng.standard_normal()))
    gaps = every_days + rng.uniform(-7, 7, scans - 1)
    days = np.concatenate([[0.0], np.cumsum(gaps)])
    shape = np.exp(-kill * days) + np.exp(growth * days) - 1
    walk = np.concatenate([[0.0], np.cumsum(DRIFT * np.sqrt(gaps / 100) * rng.standard_normal(scans - 1))])
    start = np.exp(rng.normal(4.5, 0.5)) + OFFSET_MM
    sums = start * shape * np.exp(walk + NOISE * rng.standard_normal(scans)) - OFFSET_MM
    return Course("simulated", days, np.maximum(np.maximum(sums, 0.0), [1.0] + [0.0] * (scans - 1)), "A"), kill, growth


def simulated_courses(seed: int, patients: int, scans: int = 8) -> list[Course]:
    """Courses of one population."""
    rng = np.random.default_rng(seed)
    return [simulated_course(rng, scans)[0] for _ in range(patients)]


def write_table(folder: Path, courses: list[Course]) -> None:
    """The folder as frailtypack's table has it: years, centimeters, Box-Cox with exponent 0.3."""
    lines = [
        f"{number},{day / 365.25!r},{((mm / 10) ** 0.3 - 1) / 0.3!r},{course.treatment},60-69 years,0,No\n"
        for number, course in enumerate(courses)
        for day, mm in zip(course.days.tolist(), course.sums_mm.tolist(), strict=True)
    ]
    (folder / "tumor_size_longitudinal.csv").write_text(HEADER + "".join(lines))


def long_table(courses: list[Course]) -> str:
    """Courses as a CSV of one row a scan."""
    lines = [
        f"patient-{number},{day!r},{mm!r}\n"
        for number, course in enumerate(courses)
        for day, mm in zip(course.days.tolist(), course.sums_mm.tolist(), strict=True)
    ]
    return "patient_id,day,sum_of_diameters\n" + "".join(lines)
