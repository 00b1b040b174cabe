"""Where a form's job shows itself: beneath the form, not in the cell that happens to run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.widgets.live.display import LaunchingCell

__all__ = ["Place"]


class Place(LaunchingCell):
    """The room beneath a form, written to as a cell is, by one run.

    Parameters
    ----------
    shell
        Whose cell shows the form.
    show
        Shows a widget, or HTML.
    keep
        Gets the HTML of what is there at the end.
    """

    def __init__(self, shell: InteractiveShell, show: Callable[[Any], None], keep: Callable[[str], None]) -> None:
        super().__init__(shell)
        self.live, self.terminal, self.shows_widgets = True, False, True
        self._show, self._keep, self._left = show, keep, False
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Leave the room to the next run: what is drawn late is not shown any more."""
        with self._lock:
            self._left = True

    def show(self, value: Any) -> None:
        """Show ``value`` beneath the form."""
        self.publish(value, "", update=True)

    def publish(self, value: Any, display_id: str, *, update: bool) -> None:
        """Show ``value`` beneath the form, in place of what was there."""
        running = hasattr(value, "view")
        shown = (running and value.view) or self.html(value)  # a report takes a while: the room may be left meanwhile
        with self._lock:
            if self._left:
                return
            self._show(shown)
            if not running:
                self._keep(shown)
