"""Heat maps: scales that are light in the middle, and the ink that is read on each colour."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb

from jesse_nb.core.analysis.curves.equity import monthly_returns
from jesse_nb.report.common.canvas import BAD

__all__ = ["ALIKE", "LESS_TO_MORE", "LOSS_TO_GAIN", "MONTHS", "contrast", "ink_on", "months_heat"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Where nothing was gained or lost: the hue tells the sign, the depth the size.
_MIDDLE = "#f4f1ea"
_DARK, _LIGHT = "#000000", "#ffffff"  # one of them has 4.58:1 on any colour
_BLUE = "#1d49b8"

LOSS_TO_GAIN = LinearSegmentedColormap.from_list("loss to gain", [BAD, "#e08fa2", _MIDDLE, "#6fc0ba", "#06706b"])
LESS_TO_MORE = LinearSegmentedColormap.from_list("less to more", ["#e3ebfa", "#8db0f2", _BLUE])
ALIKE = LinearSegmentedColormap.from_list("apart to alike", [BAD, "#e08fa2", _MIDDLE, "#8db0f2", _BLUE])


def contrast(colour: Any, paper: Any) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    lights = sorted((_luminance(colour), _luminance(paper)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def ink_on(colours: Colormap, place: float) -> str:
    """Return the ink, dark or light, that is read best on a scale's colour; ``place`` from 0 to 1."""
    return max((_DARK, _LIGHT), key=lambda ink: contrast(ink, colours(min(max(place, 0.0), 1.0))))


def months_heat(equity: pd.Series[float]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return a row a year: its name, then each month and the year in percent, and the style of its cell."""
    frame = monthly_returns(equity)
    most = float(np.nanmax(frame.drop(columns="year").abs().to_numpy(dtype=float), initial=0.0))

    def styled(name: Any, value: float) -> tuple[str, str]:
        if not math.isfinite(value) or not value or not most > 0 or name == "year":
            return f"{value:+.1f}" if math.isfinite(value) else "", ""
        place = 0.5 + 0.5 * value / most
        red, green, blue = (round(255 * part) for part in LOSS_TO_GAIN(place)[:3])
        return f"{value:+.1f}", f"background: rgb({red}, {green}, {blue}); color: {ink_on(LOSS_TO_GAIN, place)}"

    return tuple((str(year), tuple(styled(name, float(value)) for name, value in row.items()))
                 for year, row in frame.iterrows())


def _luminance(colour: Any) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
