"""The rules of CDS Hooks 2.0 for what a service sends, written from the specification and HL7's logical models alone.

Elements with how often and of which type: http://cds-hooks.hl7.org/StructureDefinition/CDSHooksResponse and
CDSHooksServices; what they cannot say, from the text ("Card Attributes", "Use of JSON", "Discovery").
"""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import urlsplit

Shape = dict[str, tuple[bool, Any]]
"""Element → whether it must be there, and its type: a Python type, another shape, or a list with one of them."""

CODING: Shape = {"system": (True, str), "code": (True, str), "display": (False, str)}
NAMED_CODING: Shape = CODING | {"display": (True, str)}
LINK: Shape = {
    "label": (True, str),
    "url": (True, str),
    "type": (True, str),
    "appContext": (False, str),
    "autolaunchable": (False, bool),
}
SOURCE: Shape = {"label": (True, str), "url": (False, str), "icon": (False, str), "topic": (False, CODING)}
CARD: Shape = {
    "uuid": (False, str),
    "summary": (True, str),
    "detail": (False, str),
    "indicator": (True, str),
    "source": (True, SOURCE),
    "suggestions": (False, list),
    "selectionBehavior": (False, str),
    "overrideReasons": (False, [NAMED_CODING]),
    "links": (False, [LINK]),
    "extension": (False, dict),
}
SERVICE: Shape = {
    "hook": (True, str),
    "title": (False, str),
    "description": (True, str),
    "id": (True, str),
    "prefetch": (False, dict),
    "usageRequirements": (False, str),
    "extension": (False, dict),
}
_TOKEN = re.compile(r"\{\{(context\.[A-Za-z]+|user(?:Practitioner|PractitionerRole|Patient|RelatedPerson)Id)\}\}")


def faults_of_cards(document: Any) -> list[str]:
    """All that is wrong with the answer to a hook."""
    found = _faults(document, {"cards": (True, list), "systemActions": (False, list)}, "")
    if found:
        return found
    for i, card in enumerate(document["cards"]):
        where = f"cards[{i}]"
        found += _faults(card, CARD, where) or _of_card(card, where)
    return found


def faults_of_discovery(document: Any) -> list[str]:
    """All that is wrong with the answer to discovery."""
    found = _faults(document, {"services": (True, [SERVICE])}, "")
    if found:
        return found
    services = document["services"]
    if len({(s["id"], s["hook"]) for s in services}) < len(services):
        found.append("services: an id stands twice for one hook")
    for service in services:
        if not re.fullmatch(r"[a-z]+(-[a-z]+)+", service["hook"]):
            found.append(f"{service['id']}: the hook is no noun-verb")
        for key, template in service.get("prefetch", {}).items():
            found += _of_template(f"{service['id']}.prefetch.{key}", template)
    return found


def _of_card(card: dict[str, Any], where: str) -> list[str]:
    found = []
    if len(card["summary"].encode("utf-16-le")) // 2 >= 140:  # as a browser counts
        found.append(f"{where}.summary: 140 characters or more")
    if "\n" in card["summary"]:
        found.append(f"{where}.summary: more than one line")
    if card["indicator"] not in ("info", "warning", "critical"):
        found.append(f"{where}.indicator: not in the value set")
    if "suggestions" in card and "selectionBehavior" not in card:
        found.append(f"{where}: cds-resp-6")
    if "uuid" in card and str(uuid.UUID(card["uuid"])) != card["uuid"]:
        found.append(f"{where}.uuid: no uuid")
    links = card.get("links", [])
    if any(x["type"] not in ("absolute", "smart") or ("appContext" in x and x["type"] != "smart") for x in links):
        found.append(f"{where}.links: type")
    urls = [urlsplit(url) for url in (*(x["url"] for x in links), card["source"].get("url")) if url is not None]
    if any(url.scheme != "https" or not url.netloc for url in urls):
        found.append(f"{where}: not an absolute https URL")
    return found


def _of_template(where: str, template: Any) -> list[str]:
    """A read or search within "Prefetch query restrictions"."""
    if not isinstance(template, str):
        return [f"{where}: no string"]
    resolved = _TOKEN.sub("x", template)
    sound = re.fullmatch(r"[A-Z][A-Za-z]+(/x|\?[a-z_]+=[A-Za-z0-9,-]+(&[a-z_]+=-?[A-Za-z0-9,-]+)*)", resolved)
    return [] if sound else [f"{where}: not a plain read or search"]


def _faults(value: Any, shape: Any, where: str) -> list[str]:
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        found = [f"{where}.{name}: not known" for name in value if name not in shape]
        for name, (needed, inner) in shape.items():
            if name in value:
                found += _faults(value[name], inner, f"{where}.{name}")
            elif needed:
                found.append(f"{where}.{name}: missing")
        return found
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: no array"]
        return [fault for i, item in enumerate(value) for fault in _faults(item, shape[0], f"{where}[{i}]")]
    empty = value in ("", {}) or value is None  # "Use of JSON": neither null nor empty, but for `cards`
    return [f"{where}: of another type, or empty"] if empty or not isinstance(value, shape) else []
