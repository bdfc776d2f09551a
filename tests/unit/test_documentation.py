"""The pages: their links lead somewhere, and the tests that they name are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted({ROOT / "README.md", ROOT / "charts" / "README.md", *(ROOT / "services").glob("**/*.md")})
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
NAMED_TEST = re.compile(r"\b(test_[a-z0-9_]+)(?:\.py)?(?:::(test_[a-z0-9_]+))?")


def text_of(page: Path) -> str:
    """A page without its fenced code."""
    return FENCE.sub("", page.read_text())


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading.

    >>> anchor("CDS Hooks 2.0"), anchor("`$prognosis`, the operation")
    ('cds-hooks-20', 'prognosis-the-operation')
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in HEADING.findall(text_of(page))}


@cache
def functions() -> dict[str, str]:
    """Every test file by its name, as text; files of one name together."""
    found: dict[str, str] = {}
    for path in (ROOT / "tests").glob("**/test_*.py"):
        found[path.stem] = found.get(path.stem, "") + path.read_text()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            assert link.startswith(("https://", "mailto:")), link
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", sorted((ROOT / "services" / "tumorcast_gateway").glob("*.md")), ids=lambda p: p.name)
def test_every_test_that_a_page_of_the_gateway_names_is_there(page: Path) -> None:
    files = functions()
    for file, begins in NAMED_TEST.findall(page.read_text()):
        assert file in files, file
        assert f"def {begins}" in files[file], (file, begins)


def test_the_pages_are_found() -> None:
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "charts/README.md", "services/tumorcast_gateway/security.md"} <= names
    assert len(names) > 15
