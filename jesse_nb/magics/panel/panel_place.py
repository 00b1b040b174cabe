"""Where a form's job shows itself: beneath the form, not in the cell that happens to run."""

from __future__ import annotations

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

    def leave(self) -> None:
        """Leave the room to the next run: what is drawn late is not shown any more."""
        self._left = True

    def show(self, value: Any) -> None:
        """Show ``value`` beneath the form."""
        self.publish(value, "", update=True)

    def publish(self, value: Any, display_id: str, *, update: bool) -> None:
        """Show ``value`` beneath the form, in place of what was there."""
        if self._left:
            return
        if hasattr(value, "view"):  # it still runs
            self._show(value.view or self.html(value))
        else:
            html = self.html(value)
            self._show(html)
            self._keep(html)
