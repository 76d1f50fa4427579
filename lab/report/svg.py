# SPDX-License-Identifier: MIT
"""Figures of matplotlib as inline SVG, in the colours of the page around them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

#: Stands for the text colour of the page, which follows the reader's light or dark theme.
TEXT = "#010203"


@contextmanager
def style() -> Iterator[None]:
    """Figures that are drawn in the block get the pages' style."""
    rules: dict[Any, Any] = {
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
        "svg.hashsalt": "offload-lab",
        "grid.alpha": 0.15,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "legend.frameon": False,
    }
    colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color")
    with mpl.rc_context(rules | dict.fromkeys(colours, TEXT)):
        yield


def inline(figure: Figure) -> str:
    """An ``<svg>`` element; call it within style()."""
    output = io.StringIO()
    figure.savefig(output, format="svg", metadata={"Date": None})
    svg = output.getvalue()
    return svg[svg.index("<svg") :].replace(TEXT, "currentColor")
