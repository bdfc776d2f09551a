"""One entry for the same measure in several kinds of images: ``each`` makes an entry for every one of them.

In the catalog's files::

    shape_sphericity:
      each: [pet, ct, mr]
      description: sphericity of the lesion in {modality}
      range: [0, 1]
      codings: ["local {name} sphericity in {modality}"]

is ``pet_shape_sphericity``, ``ct_shape_sphericity`` and ``mr_shape_sphericity``. A ``unit`` or ``range`` that differs
is a mapping by the same words; a unit that one of them does not have is not in the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODALITIES = {"pet": "PET", "ct": "CT", "mr": "MR"}
_BY_MODALITY = ("unit", "range")


def expanded(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The same entries, with as many as ``each`` says for every one that has it; raises ``ValueError`` if two collide.

    >>> list(expanded({"size": {"each": ["ct", "mr"], "description": "size in {modality}", "codings": []}}))
    ['ct_size', 'mr_size']
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name, raw in entries.items():
        made = {f"{word}_{name}": _of(word, name, raw) for word in raw["each"]} if "each" in raw else {name: raw}
        if recurring := found.keys() & made.keys():
            raise ValueError(f"the catalog has two entries {min(recurring)}")
        found |= made
    return found


def _of(word: str, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of one kind of image; raises ``ValueError`` if there is no such kind or it has no range of its own."""
    if word not in MODALITIES:
        raise ValueError(f"the catalog has no kind of image {word}")
    own = {key: value for key, value in raw.items() if key != "each"}
    for key in _BY_MODALITY:
        if isinstance(own.get(key), Mapping):
            if word in own[key]:
                own[key] = own[key][word]
            elif key == "unit":
                del own[key]
            else:
                raise ValueError(f"the catalog has no {key} of {word}_{name}")
    told = {"{modality}": MODALITIES[word], "{name}": f"{word}_{name}"}
    for key in ("description", "group"):
        if key in own:
            own[key] = _filled(own[key], told)
    own["codings"] = [_filled(coding, told) for coding in own["codings"]]
    return own


def _filled(text: str, told: Mapping[str, str]) -> str:
    for word, value in told.items():
        text = text.replace(word, value)
    return text
