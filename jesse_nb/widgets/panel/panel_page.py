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
    """Links to the sections of what a form gave; nothing to see before.

    Parameters
    ----------
    name
        What screen readers call the form.

    Attributes
    ----------
    wrong
        Names of the fields that are invalid, for screen readers.
    look
        Where the keyboard's focus is to go; the page empties it as soon as it went there, or somebody was elsewhere.
    """

    _esm = _HERE / "panel_page.js"
    _css = (_HERE.parent / "focus.css").read_text() + (_HERE / "panel_page.css").read_text()
    name = traitlets.Unicode().tag(sync=True)
    wrong = traitlets.List(traitlets.Unicode()).tag(sync=True)
    look = traitlets.Unicode().tag(sync=True)

    def __init__(self, name: str) -> None:
        super().__init__(name=name)

    def look_at(self, place: str) -> None:
        """Let the focus go to a place, where somebody is using the form.

        Parameters
        ----------
        place
            ``"first"``, the first field; ``"output"``, what a run shows; ``"result"``, the heading of what it gave;
            ``"question"``, the answer that changes nothing; ``"wrong"``, the first field that is wrong; ``"run"``, the
            button.
        """
        self.look = ""  # or the same place again would be no change
        self.look = place

    def copy(self, text: str) -> None:
        """Put a text into the clipboard, where the page may."""
        self.send({"type": "copy", "text": text})
