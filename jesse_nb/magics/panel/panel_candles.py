"""The candles panel: what is stored as a strip of time, and forms that add to it or delete from it."""

# ipywidgets is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.panel.panel_sources import Sources
from jesse_nb.magics.panel.panel_tables import CANDLES
from jesse_nb.magics.panel.panel_tool import ToolPanel
from jesse_nb.report.candles.coverage import coverage_table

__all__ = ["CandlesPanel"]

_EMPTY = "<p>No candles are stored. The demo market is a quick start; files can be imported.</p>"
_FETCH = '<p><small>An exchange is asked by <code>%candles fetch "Binance Spot" BTC-USDT 2023-01-01</code>.</small></p>'


class CandlesPanel:
    """What is stored, and three forms.

    Parameters
    ----------
    shell
        Where it runs.
    settings
        Defaults by ``%config JesseNb``.
    changed
        Called after each change of what is stored.

    Attributes
    ----------
    forms
        ``demo``, ``import`` and ``delete``.
    widget
        To be displayed.
    """

    def __init__(self, shell: InteractiveShell, settings: JesseNb, changed: Callable[[], None] = lambda: None) -> None:
        self._sources = Sources(shell, settings)
        self._changed = changed
        self.forms = {name: ToolPanel(shell, settings, table, changed=self._stored_anew)
                      for name, table in CANDLES.items()}
        self._table = widgets.HTML()
        heading = widgets.HTML('<h2 class="jesse-nb-panel-title">Candles <small>one-minute candles in the store, UTC'
                               "</small></h2>")
        choice = widgets.ToggleButtons(options=[(panel.table.title, name) for name, panel in self.forms.items()],
                                       tooltips=[panel.table.remark for panel in self.forms.values()],
                                       style={"button_width": "auto"})
        choice.observe(lambda change: self._open(change["new"]), names="value")
        self.choice = choice
        self.widget = widgets.VBox([heading, self._table, choice, *(form.widget for form in self.forms.values())])
        self.widget.add_class("jesse-nb-panel")
        self._open(choice.value)
        self._draw()

    @property
    def listing(self) -> str:
        """What is stored, as HTML."""
        stored = self._sources.stored()
        return (coverage_table(stored) if stored else _EMPTY) + _FETCH

    def rows(self) -> list[tuple[str, str]]:
        """Return name and facts of each series."""
        return [(f"{series.symbol}", str(series).partition(": ")[2]) for series in self._sources.stored()]

    def cell(self) -> str:
        """Return the magic that does the same."""
        return "%candles"

    def refresh(self) -> None:
        """Look again at what is stored."""
        self._draw()
        for form in self.forms.values():
            form.refresh()

    def _stored_anew(self) -> None:
        self._draw()
        self._changed()

    def _open(self, chosen: str) -> None:
        for name, form in self.forms.items():
            form.widget.layout.display = None if name == chosen else "none"

    def _draw(self) -> None:
        self._table.value = self.listing
