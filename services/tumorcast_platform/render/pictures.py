"""What was drawn where, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_platform.render.problems import problem_lines
from tumorcast_platform.render.text import Line, Style, wrapped

_WIDTH = 80
_METHODS = {"norm": "the length of the embedding", "model": "the model's answer"}


def picture_page(document: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging picture``."""
    title = f"{document['path']}: {document['width']} × {document['height']} pixels, {document['plane']}"
    lines = wrapped(title, Style.GOOD, hanging=2, width=_WIDTH)
    for panel in document["panels"]:
        window = panel["window"]
        low, high = window["level"] - window["width"] / 2, window["level"] + window["width"] / 2
        where = f"region {panel['region']}" if panel["region"] else "no region"
        unit = "" if window["unit"] == "arbitrary" else f" {window['unit']}"
        text = f"{panel['when']} {panel['dicom_modality']}, layer {panel['layer']:.4g} through {where}"
        lines += wrapped(f"{text}, {low:.4g} to {high:.4g}{unit}", indent=2, hanging=4, width=_WIDTH)
        lines += problem_lines(panel["problems"], indent=4, width=_WIDTH)
    return lines


def explanation_page(document: Mapping[str, Any]) -> list[Line]:
    """The document of ``tumorcast imaging explain``."""
    about = _METHODS[document["direction"]]
    if document["endpoint"]:
        about += f" on {document['endpoint'].replace('_', ' ')}"
    title = f"What {document['encoder']} looks at for {about}, by {document['method']}"
    lines = wrapped(title, Style.HEADING, hanging=2, width=_WIDTH)
    rim = f"within {document['saliency']['rim']['within_mm']:g} mm of it"
    for zone, words in (("inside", "in the lesion"), ("rim", rim), ("outside", "elsewhere")):
        share = document["saliency"][zone]
        lines.append(
            Line(f"  {share['share']:6.1%} of the saliency {words}, in {share['share_of_voxels']:.1%} of the crop")
        )
    if test := document["deletion_test"]:
        lines += [
            *_walk("taken away", test["deletion"], test["orders"]),
            *_walk("put back", test["insertion"], test["orders"]),
        ]
    kept = document["rank_correlation_with_randomized_weights"]
    if kept is not None:
        text = f"rank correlation {kept:.2f} with the saliency of randomized weights (0: it shows what was learned)"
        lines += wrapped(text, indent=2, hanging=4, width=_WIDTH)
    lines += [Line(f"  {path}") for path in document["pictures"]]
    return lines + problem_lines(document["problems"], indent=4, width=_WIDTH)


def _walk(words: str, walk: Mapping[str, float], orders: int) -> list[Line]:
    text = f"salient tissue {words}: area {walk['area']:.3g}, random {walk['random_area']:.3g}, p {walk['p']:.2g}"
    style = Style.PLAIN if walk["p"] <= 0.05 else Style.CAUTION
    return wrapped(f"{text} ({orders} orders)", style, indent=2, hanging=4, width=_WIDTH)
