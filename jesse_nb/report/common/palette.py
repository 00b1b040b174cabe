"""The colours of all pictures, apart from what draws them: a form needs no matplotlib."""

from __future__ import annotations

__all__ = ["BAD", "BEST", "GOOD", "INK", "MAIN", "OTHER"]

# At least 3:1 against white and against a dark page, and told apart by eyes that do not tell red from green. No ink has
# the 4.5:1 that text needs on both: it is made for white, and a report's style sheet brightens pictures on dark pages.
INK = "#656d78"
MAIN = "#2f6ea6"
OTHER = "#a259fb"
BEST = "#e17521"
GOOD = "#0ca68f"
BAD = "#c52139"
