"""The README's table of issue codes and the code say the same."""

import ast
import re
from pathlib import Path

SERVICE = Path(__file__).parents[3] / "services" / "tumorcast_clinical"
_CODE = re.compile(r"[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+|SCREENING|CANCELLED")
_NO_ISSUES = {"MALFORMED_REQUEST"}


def written() -> set[str]:
    """Issue codes in the README."""
    page = (SERVICE / "README.md").read_text(encoding="utf-8")
    table = page[page.index("| about | error") : page.index("## How fast")]
    return {code for quoted in re.findall(r"`([^`]+)`", table) for code in [quoted] if _CODE.fullmatch(code)}


def coded() -> set[str]:
    """Issue codes in the source: its string constants that look like one, and the reasons of errors told by line."""
    sources = [*(SERVICE / "model").rglob("*.py"), *(SERVICE / "adapters").rglob("*.py")]
    trees = [ast.walk(ast.parse(source.read_text(encoding="utf-8"))) for source in sources]
    constants = (node.value for tree in trees for node in tree if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and _CODE.fullmatch(value)} | {"MALFORMED_FHIR"}


def test_every_issue_code_stands_in_the_readme_and_no_other() -> None:
    assert written() - coded() == set()
    assert coded() - written() - _NO_ISSUES == set()
