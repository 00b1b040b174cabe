"""axe-core, the accessibility checker, run in a page of the tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from playwright.sync_api import Page

_WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

#: JupyterLab's body is 0 pixels high, all of it lies outside: to axe, nothing in it can be seen.
_AS_HIGH_AS_THE_PAGE = "height => { document.body.style.height = height; }"


def violations(page: Page, selector: str) -> list[str]:
    """Return what WCAG 2.2 AA forbids within the elements of a selector, one line for each.

    Raises
    ------
    AssertionError
        When the colours of no text could be looked at, so that nothing was checked.
    """
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE_SCRIPT)
    page.evaluate(_AS_HIGH_AS_THE_PAGE, "100vh")
    found = page.evaluate(
        "([within, tags]) => axe.run(within, {runOnly: {type: 'tag', values: tags}})", [selector, _WCAG_22_AA])
    page.evaluate(_AS_HIGH_AS_THE_PAGE, "")
    contrasts = [node for rule in found["passes"] + found["violations"] if rule["id"] == "color-contrast"
                 for node in rule["nodes"] if (node["any"][0]["data"] or {}).get("contrastRatio")]
    assert contrasts, f"axe saw no text in {selector}"
    return [f"{rule['id']}: {node['html'][:200]}: {_reason(node)}" for rule in found["violations"]
            for node in rule["nodes"]]


def contrast(ink: str, paper: str) -> float:
    """Return the contrast of two colours, as CSS computes them, by WCAG; an ink may be translucent."""
    below, (*above, opacity) = _channels(paper)[:3], _channels(ink)
    seen = [opacity * one + (1 - opacity) * other for one, other in zip(above, below, strict=True)]
    low, high = sorted((_luminance(seen), _luminance(below)))
    return (high + 0.05) / (low + 0.05)


def _channels(colour: str) -> list[float]:
    """Return red, green, blue and opacity, from 0 to 1, of the first colour in a text."""
    found = re.search(r"rgba?\(([^)]*)\)", colour)
    assert found, colour
    red, green, blue, *opacity = map(float, found[1].split(","))
    return [red / 255, green / 255, blue / 255, *(opacity or [1.0])]


def _luminance(channels: list[float]) -> float:
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _reason(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
