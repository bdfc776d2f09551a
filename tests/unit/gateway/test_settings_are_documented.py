"""The table of settings in operations.md is that of the code: every name, every default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tumorcast_core.errors import all_errors
from tumorcast_core.settings import ServiceSettings
from tumorcast_gateway import settings
from tumorcast_gateway.settings import Settings

PAGES = Path(settings.__file__).parent
ROW = re.compile(r"\| `([A-Z][A-Z0-9_]+)` \| (.*?) ?\| ")


def table() -> list[tuple[str, str]]:
    """Names and defaults as operations.md tells them, in its order."""
    section = (PAGES / "operations.md").read_text().split("## Settings")[1].split("\n## ")[0]
    return [(row[1], row[2]) for line in section.splitlines() if (row := ROW.match(line))]


def written(default: Any) -> str:
    """A default as an operator reads it; what is not set is empty.

    >>> written(30.0), written(False), written(("a", "b")), written(None), written(SecretStr(""))
    ('30', 'false', 'a, b', '', '')
    """
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:.15g}"
    if isinstance(default, tuple):
        return ", ".join(default)
    return str(default) if default or default == 0 else ""


def test_every_setting_stands_there_once_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of-somebody")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    told, fields = table(), Settings.model_fields
    defaults = {
        name.upper(): written(field.get_default(call_default_factory=True)).replace("/home/of-somebody", "~")
        for name, field in fields.items()
    }
    assert dict(told) == defaults
    assert len(told) == len(defaults)
    assert {name.upper() for name in ServiceSettings.model_fields} <= defaults.keys()


@pytest.mark.parametrize("page", ["README.md", "operations.md", "security.md", "standards.md"])
def test_no_page_names_a_setting_that_is_not_there(page: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    codes = {error.reason for error in all_errors()}
    prefixes = {name.split("_")[0] for name in known if "_" in name}
    text = (PAGES / page).read_text()
    named = set(re.findall(r"`(?:TUMORCAST_GATEWAY_)?([A-Z]+_[A-Z0-9_]+)(?:=[^`]*)?`", text))
    alike = {name for name in named if name.split("_")[0] in prefixes} - codes
    assert alike <= known, alike - known
    assert set(re.findall(r"TUMORCAST_GATEWAY_([A-Z][A-Z0-9_]+)", text)) <= known
