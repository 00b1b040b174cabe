"""Colours: read on light and dark pages, and told apart by eyes that do not tell red from green."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb

import jesse_nb.report
from jesse_nb.report.common.canvas import BAD, BEST, GOOD, INK, MAIN, OTHER
from jesse_nb.report.common.heatmap import ALIKE, LESS_TO_MORE, LOSS_TO_GAIN, contrast, ink_on, months_heat

STYLE = (Path(jesse_nb.report.__file__).parent / "templates/style.css").read_text()
LINES = (MAIN, OTHER, BEST, GOOD, BAD)
PAPERS = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6}|[0-9.]+);", block))
          for block in re.findall(r"\{([^{}]*--good:[^{}]*)\}", re.sub(r"var\(--jp-[^,]+, ([^)]+)\)", r"\1", STYLE))]

# Simulation of full deuteranopia and protanopia: Machado, Oliveira, Fernandes 2009, table of severity 1.0.
EYES = {
    "usual": np.eye(3),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
}
# Oklab by its author's definition (2020): linear sRGB to cone responses, their cube roots to lightness and hue.
CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]])
OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]])


def bright(colour: str, factor: float) -> str:
    return to_hex(np.clip(np.array(to_rgb(colour)) * factor, 0, 1))


def seen(colour: str, eyes: np.ndarray) -> np.ndarray:
    part = np.array(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return OKLAB @ np.cbrt(CONES @ np.clip(eyes @ linear, 0, 1))


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)  # the well-known lightest grey of level AA


def test_figures_alone_are_seen_on_light_and_on_dark_pages() -> None:
    for colour in (INK, *LINES):
        assert min(contrast(colour, "#ffffff"), contrast(colour, "#15191e")) >= 3.0, colour


def test_reports_are_read_on_light_and_on_dark_pages() -> None:
    assert len(PAPERS) == 4
    for page in PAPERS:
        assert contrast(bright(INK, float(page["bright"])), page["paper"]) >= 4.5
        for colour in LINES:
            assert contrast(bright(colour, float(page["bright"])), page["paper"]) >= 3.0, (colour, page)
        for name in ("good", "bad", "quiet", "ink"):
            assert min(contrast(page[name], page["paper"]), contrast(page[name], page["raised"])) >= 4.5, name


@pytest.mark.parametrize("eyes", EYES)
def test_no_two_lines_look_alike(eyes: str) -> None:
    for one, other in combinations(LINES, 2):
        assert np.linalg.norm(seen(one, EYES[eyes]) - seen(other, EYES[eyes])) > 0.12, (one, other)


@pytest.mark.parametrize("scale", [LOSS_TO_GAIN, LESS_TO_MORE, ALIKE], ids=lambda scale: scale.name)
def test_every_cell_of_a_heat_map_can_be_read(scale: object) -> None:
    for place in np.linspace(0, 1, 101):
        assert contrast(ink_on(scale, place), scale(place)) >= 4.5, place  # type: ignore[arg-type, operator]


def test_months_are_coloured_by_their_size() -> None:
    days = pd.date_range("2023-01-01", "2023-04-01", tz="UTC")
    equity = pd.Series(100.0, index=days)
    equity[days > "2023-01-31"] = 110.0
    equity[days > "2023-02-28"] = 104.5
    ((year, months),) = months_heat(equity)
    assert year == "2023"
    assert months[0] == ("+10.0", "background: rgb(6, 112, 107); color: #ffffff")
    text, style = months[1]
    assert text == "-5.0"
    red, _, blue = map(int, re.findall(r"\d+", style)[:3])
    assert red > blue
    assert months[2] == ("+0.0", "")
    assert list(months[3:12]) == [("", "")] * 9
    assert months[12][1] == ""


def test_a_curve_that_never_moves_has_no_colours() -> None:
    days = pd.date_range("2023-01-01", "2023-03-01", tz="UTC")
    ((_, months),) = months_heat(pd.Series(100.0, index=days))
    assert {style for _, style in months} == {""}
    assert months_heat(pd.Series(dtype=float)) == ()
