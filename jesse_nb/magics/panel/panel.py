"""`%panel`: the magics as forms, for those who would rather look than type."""

# IPython and ipywidgets are not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jesse_nb.core.calls import well_named
from jesse_nb.exceptions import InputError, MissingPartError, did_you_mean, shown
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import parse_line
from jesse_nb.magics.panel.panel_tables import panel_names, table_of

if TYPE_CHECKING:
    from jesse_nb.widgets.mount import MountedOutput

__all__ = ["Panel", "PanelMagics", "follow", "panel"]

#: Forms that still follow what the notebook defines; those of cells that were run again grow old.
_followed: deque[Panel] = deque(maxlen=12)


class Panel:
    """A form, as the last value of a cell.

    Where somebody sits in front of a running kernel it is a widget; elsewhere a table of its fields, and the magic that
    does the same, which also stay in the saved notebook, with the report of what was run.

    Parameters
    ----------
    shell
        Where it runs.
    settings
        Defaults by ``%config JesseNb``.
    name
        One of :func:`~jesse_nb.magics.panel.panel_tables.panel_names`.
    values
        What is filled in beforehand, by the argument's name in Python.

    Attributes
    ----------
    parts
        The form's parts, for driving it from Python.
    """

    def __init__(self, shell: InteractiveShell, settings: JesseNb, name: str, values: dict[str, Any]) -> None:
        missing = [part for part in ("ipywidgets", "anywidget") if find_spec(part) is None]
        if missing:
            raise MissingPartError(f"A panel needs {missing[0]}, which is not installed.",
                                   "Run `python -m pip install 'jesse-nb[lab]'`.")
        import jesse_nb.report  # noqa: F401 - results then draw themselves
        from jesse_nb.core.jesse_runtime import nothing_slow
        from jesse_nb.magics.panel.panel_candles import CandlesPanel
        from jesse_nb.magics.panel.panel_results import ResultsPanel
        from jesse_nb.magics.panel.panel_tool import ToolPanel

        self._shell = shell
        self._output: MountedOutput | None = None
        with nothing_slow():
            if name == "candles":
                if values:
                    raise InputError(f"The candles panel takes no values, but {shown(next(iter(values)))} was given.")
                self.parts: Any = CandlesPanel(shell, settings, self._stored_anew)
            elif name == "results":
                self.parts = ResultsPanel(shell, settings, values, self._update)
            else:
                self.parts = ToolPanel(shell, settings, table_of(name), values, self._update)
        _followed.append(self)

    @property
    def widget(self) -> Any:
        """The form as a widget, for a layout of your own."""
        return self.parts.widget

    def refresh(self) -> None:
        """Offer what there is by now; it also happens after each cell."""
        for part in self._forms():
            part.refresh()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from jesse_nb.report.common.panel_form import form_html, form_text

        text, html = [], []
        for part in self._forms():
            title = f"{part.table.title} panel" if hasattr(part, "table") else "Candles panel"
            extra = getattr(part, "listing", "")
            text.append(form_text(title, part.rows(), part.cell()))
            form = form_html(title, [] if extra else part.rows(), part.cell(), extra)
            html.append(form + getattr(part, "report", ""))
        note = "<p><small>A form as it was left. To fill it in, run the cell again.</small></p>"
        return {"text/plain": "\n".join(text), "text/html": f'<div>{"".join(html)}{note}</div>'}

    def _forms(self) -> list[Any]:
        """Return the form and all that came of it."""
        return list(self.parts.chain()) if hasattr(self.parts, "chain") else [self.parts]

    def _ipython_display_(self) -> None:
        from jesse_nb.widgets.mount import MountedOutput

        self._output = MountedOutput(lambda: self.widget, self._repr_mimebundle_)
        self._output.show()

    def _update(self) -> None:
        """Keep the static form as the form is, for the notebook that is saved."""
        if self._output is not None:
            self._output.update()

    def _stored_anew(self) -> None:
        self._update()
        for other in list(_followed):
            other.refresh()


@magics_class
class PanelMagics(Magics):
    """`%panel`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._shell = shell
        self._settings = settings

    @magic_arguments("panel")
    @argument("name", metavar="PANEL", help="Which form: candles, results, or a tool's by its magic.")
    @line_magic
    def panel(self, line: str) -> Panel:
        """Show a magic as a form: fill it in, run it, send its result on, or copy it as a cell.

        ::

            %panel candles
            %panel results                                      what was kept: find, open, compare, tag, delete
            %panel optimize
            %panel optimize -s BTC-USDT -t 1h --trials 50       what that magic's line says is filled in
        """
        name, _, rest = line.strip().partition(" ")
        names = panel_names()
        if name not in names:
            known = f"There are {', '.join(names)}."
            raise UsageError(f"%panel has no form {shown(name)}. {did_you_mean(name, names)} {known}" if name
                             else f"%panel needs the name of a form. {known}")
        magic = self._shell.find_line_magic(name)
        options = parse_line(magic, rest) if rest.strip() else None
        defaults = {action.dest: action.default for action in magic.parser._actions}
        given = {key: value for key, value in vars(options).items()
                 if value is not None and value != defaults.get(key) and value != []} if options else {}
        return Panel(self._shell, self._settings, name, given)


@well_named
def panel(name: str, **values: Any) -> Panel:
    """Show one of the tools as a form.

    Parameters
    ----------
    name
        ``"backtest"``, ``"optimize"``, ``"walk_forward"``, ``"backtest_batch"``, ``"analyze"``, ``"check"``, …,
        ``"candles"`` or ``"results"``.
    **values
        What is filled in beforehand, by the tool's own arguments: ``symbol="BTC-USDT"``, ``n_trials=50``.

    Returns
    -------
    Panel
        Shows itself at the end of a cell.

    Raises
    ------
    InputError
        When there is no such form, or it has no such field; or outside IPython.
    MissingPartError
        When ipywidgets is not installed.

    Examples
    --------
    >>> jn.panel("optimize", symbol="BTC-USDT", n_trials=50)  # doctest: +SKIP
    """
    from IPython.core.getipython import get_ipython

    if name not in panel_names():
        raise InputError(f"There is no form {shown(name)}.", did_you_mean(str(name), panel_names()))
    shell = get_ipython()
    if shell is None:
        raise InputError("A panel needs a notebook, or IPython.")
    shell.extension_manager.load_extension("jesse_nb")  # type: ignore[union-attr]  # a shell has one
    settings = next(configurable for configurable in shell.configurables if isinstance(configurable, JesseNb))
    return Panel(shell, settings, name, values)


def follow(shell: InteractiveShell) -> Callable[[], None]:
    """Let all forms follow what the shell's cells define; returns what ends that."""

    def refresh(*_: Any) -> None:
        for one in list(_followed):
            one.refresh()

    shell.events.register("post_run_cell", refresh)
    return lambda: shell.events.unregister("post_run_cell", refresh)
