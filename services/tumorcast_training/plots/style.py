"""How plots look: colors that color-blind readers and gray printers tell apart, text of 8 points and more, plain SVG.

Colors are those of Okabe and Ito (2008, "Color Universal Design"); every line differs in its dashes as well.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION, SKY, GRAY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#6E6E6E"
INK, FAINT, PALE = "#222222", "#D0D0D0", "#EDEDED"
TEXT_POINTS, SMALL_POINTS = 9.0, 8.0
LEAST_PATIENTS = 5
_FONTS = "DejaVu Sans, Verdana, Arial, sans-serif"

SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "tumorcast",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TEXT_POINTS,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": TEXT_POINTS,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "legend.fontsize": SMALL_POINTS,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
}


def settings() -> AbstractContextManager[None]:
    """Matplotlib's settings for drawing and for writing."""
    ours: Any = dict(SETTINGS)
    return mpl.rc_context(ours)


def svg(figure: Figure, title: str) -> bytes:
    """The figure as SVG with a title for screen readers, without a date or a trace of who drew it."""
    buffer = io.BytesIO()
    nobody = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    canvas: Any = FigureCanvasSVG(figure)
    with settings():
        canvas.print_svg(buffer, metadata={"Title": title, **nobody})
    return _compact(buffer.getvalue().decode("utf-8")).encode("utf-8")


def _compact(text: str) -> str:
    """The same drawing in fewer bytes: tenths of a point, the font named once, no empty metadata, no indentation."""
    text = re.sub(r"<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;]*; ", "", text).replace("*{", f"text{{font-family: {_FONTS}}} *{{", 1)
    text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
    text = re.sub(r" (?:d|x|y|transform)=\"[^\"]*\"", _shorter, text)
    return re.sub(r"\n\s*", "\n", text).strip() + "\n"


def _shorter(attribute: re.Match[str]) -> str:
    one_line = re.sub(r"\s+", " ", attribute[0].replace(' "', '"'))
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", one_line)


def percent_axis(axes: Axes, which: str) -> None:
    """Label an axis of shares in percent."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def grid(axes: Axes, which: str = "y") -> None:
    """Faint lines to read values by."""
    axes.grid(axis=which, color=PALE, linewidth=0.8)  # type: ignore[arg-type]


def say_instead(axes: Axes, reason: str) -> None:
    """An empty panel that says why it is empty."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.text(0.5, 0.5, reason, ha="center", va="center", color=GRAY, transform=axes.transAxes)


def percent(share: float) -> str:
    """A share in words.

    >>> percent(0.384)
    '38 %'
    """
    return f"{100 * share:.0f} %"
