"""What check digits and set laws tell of the codes in all tables: no digit is mistyped, no code means two things."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import tumorcast_clinical
import tumorcast_core.catalog

MODEL = Path(tumorcast_clinical.__file__).parent / "model"
TABLES = [*Path(tumorcast_core.catalog.__file__).parent.rglob("*.yaml"), *MODEL.rglob("*.yaml")]
VALUE_SETS = {
    name: members
    for file in sorted((MODEL / "terms" / "value_sets").glob("*.yaml"))
    for name, members in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}


def verhoeff_holds(code: str) -> bool:
    """SNOMED CT identifiers end in a Verhoeff check digit: a checksum over the dihedral group of order 10."""

    def product(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5

    def turn(digit: int, times: int) -> int:
        for _ in range(times % 8):
            digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
        return digit

    total = 0
    for position, digit in enumerate(reversed(code)):
        total = product(total, turn(int(digit), position))
    return total == 0


def leaves(node: Any) -> Iterator[str]:
    """Every scalar of a table, as text; of a mapping its values only."""
    if isinstance(node, dict):
        for value in node.values():
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
    else:
        yield str(node)


def under(key: str, node: Any) -> Iterator[str]:
    """Every scalar that stands somewhere below that key."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value) if name == key else under(key, value)
    elif isinstance(node, list):
        for value in node:
            yield from under(key, value)


def snomed_codes() -> list[str]:
    found: list[str] = []
    for file in TABLES:
        table = yaml.safe_load(file.read_text(encoding="utf-8"))
        found += leaves(table) if file.name == "snomed.yaml" else under("sct", table)
        found += [text.split()[1] for text in under("codings", table) if text.startswith("sct ")]
    for file in MODEL.rglob("*.py"):
        found += re.findall(r'"(\d{6,18})"', file.read_text(encoding="utf-8"))
    return found


def test_the_check_digit_of_every_snomed_code_is_right():
    codes = snomed_codes()
    assert len(set(codes)) > 700
    assert [code for code in codes if not verhoeff_holds(code)] == []


@given(st.sampled_from(sorted(set(snomed_codes()))), st.data())
def test_a_mistyped_digit_or_two_swapped_ones_break_the_check_digit(code, data):
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != code[place]]))
    assert not verhoeff_holds(code[:place] + other + code[place + 1 :])
    for i, (left, right) in enumerate(pairwise(code)):
        assert left == right or not verhoeff_holds(code[:i] + right + left + code[i + 2 :])


@pytest.mark.parametrize("name", sorted(VALUE_SETS))
def test_a_code_or_a_wording_means_one_member_of_its_value_set(name):
    meant = [
        (system, str(code)) for member in VALUE_SETS[name].values() for system in member for code in member[system]
    ]
    assert [key for key, times in Counter(meant).items() if times > 1] == []


@pytest.mark.parametrize("axis", ["t", "n", "m"])
def test_a_category_of_no_stated_kind_takes_what_the_clinical_and_the_pathologic_take(axis):
    def codes(kind: str) -> dict[str, set[str]]:
        return {name: set(under("sct", member)) for name, member in VALUE_SETS[f"{kind}_{axis}"].items()}

    clinical, pathologic = codes("clinical"), codes("pathologic")
    either = {name: clinical.get(name, set()) | pathologic.get(name, set()) for name in {*clinical, *pathologic}}
    assert codes("any") == either
    shared = {code for name in clinical for code in clinical[name] & pathologic.get(name, set())}
    assert all(len(code) <= 8 for code in shared), "AJCC and UICC say clinical or pathologic in the code itself"


def test_morphologies_of_adjacent_meaning_are_kept_apart():
    """Endocervical adenocarcinoma, atypical CML and embryonal tumors are not the entities beside them (ICD-O-3.2)."""
    table = yaml.safe_load((MODEL / "terms" / "conditions" / "icdo3.yaml").read_text(encoding="utf-8"))["histology"]

    def of(code: int) -> set[str]:
        return {name for name, ranges in table.items() for r in ranges if code in _range(str(r))}

    assert [of(code) for code in (8380, 8383, 8384)] == [
        {"endometrioid_carcinoma"},
        {"endometrioid_carcinoma"},
        {"adenocarcinoma"},
    ]
    assert [of(code) for code in (9863, 9875, 9876)] == [
        {"chronic_myeloid_leukemia"},
        {"chronic_myeloid_leukemia"},
        set(),
    ]
    assert [of(code) for code in (9470, 9473, 9477, 9478)] == [{"medulloblastoma"}, set(), {"medulloblastoma"}, set()]


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
