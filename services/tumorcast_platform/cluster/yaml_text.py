"""Objects as YAML that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Blocks(yaml.SafeDumper):
    """Texts of several lines as blocks; keys in the order they have; nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _text)


def as_yaml(*documents: Mapping[str, Any]) -> str:
    r"""One YAML document after the other.

    >>> print(as_yaml({"b": 1, "a": "x\ny\n"}), end="")
    b: 1
    a: |
      x
      y
    """
    return yaml.dump_all(documents, Dumper=_Blocks, sort_keys=False, width=10_000, allow_unicode=True)
