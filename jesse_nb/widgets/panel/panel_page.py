"""What a form needs of the page itself: the clipboard, the keyboard, and its own look."""

# anywidget and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

__all__ = ["PanelPage"]

_HERE = Path(__file__).parent


class PanelPage(anywidget.AnyWidget):
    """Nothing to see.

    Attributes
    ----------
    wrong
        Names of the fields that are invalid, for screen readers.
    """

    _esm = _HERE / "panel_page.js"
    _css = _HERE / "panel_page.css"
    wrong = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def copy(self, text: str) -> None:
        """Put a text into the clipboard, where the page may."""
        self.send({"type": "copy", "text": text})
