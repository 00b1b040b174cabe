"""The form of one magic: it fills in the magic's line, and runs that very line."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.panel.panel_arguments import Arguments
from jesse_nb.magics.panel.panel_checks import evaluated, windows_fitting
from jesse_nb.magics.panel.panel_place import Place
from jesse_nb.magics.panel.panel_tables import PanelTable, table_of
from jesse_nb.magics.tools import plan_of_line
from jesse_nb.widgets.live.display import shown_in
from jesse_nb.widgets.panel.panel import Form
from jesse_nb.widgets.panel.panel_fields import Field
from jesse_nb.widgets.panel.panel_space import SpaceField

__all__ = ["ToolPanel"]

#: What is carried on to the next form, besides what its table says; a number of trials is not the same thing there.
_CARRIED = ("strategy", "exchange", "symbol", "timeframe", "start", "end", "space", "metric", "constraints", "balance",
            "fee", "slippage_bps", "market", "leverage", "leverage_mode", "maintenance_margin", "funding", "mode",
            "gaps", "warm_up_candles")

#: What a folded form says first, without its labels; the last two are a period.
_SUMMED_UP = ("strategy", "strategies", "names", "symbol", "symbols", "timeframe", "timeframes", "start", "end")


class ToolPanel:
    """One form.

    Parameters
    ----------
    shell
        Where it runs.
    settings
        Defaults by ``%config JesseNb``.
    table
        What it shows.
    values
        What is filled in beforehand, by the argument's name in Python.
    changed
        Called when its static form is another one: after a run.

    Attributes
    ----------
    form
        What is seen.
    job
        The last job that it started; None before.
    sequels
        The forms that its results were sent on to, the newest first.

    Raises
    ------
    InputError
        When ``values`` names what the form does not have.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        settings: JesseNb,
        table: PanelTable,
        values: Mapping[str, Any] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.table = table
        self.job: Any = None
        self.sequels: list[ToolPanel] = []
        self._sent: tuple[str, Any] | None = None  # name and value of what can be sent on
        self._shell, self._settings, self._changed = shell, settings, changed
        self._magic = shell.find_line_magic(table.magic)
        self._arguments = Arguments(shell, settings, table, self._magic.parser, self._mark)
        fields = self._arguments.fields
        self.form = Form(
            table.title, table.remark, [fields[name] for name in table.main],
            {group: [fields[name] for name in names] for group, names in table.more_by_group.items()},
            write=self.cell, origin=self._origin, run=self.run, verb=table.verb, question=self._question,
            summary=self._summary,
        )
        self._place = self._new_place()
        self._report = ""
        self._arguments.begin(values or {})

    @property
    def widget(self) -> Any:
        """The form as a widget, for a layout of your own."""
        return self.form.widget

    def field(self, name: str) -> Field:
        """Return the field of an argument, by its name in Python."""
        return self._arguments.fields[name]

    def cell(self) -> str:
        """Return the magic that does the same."""
        try:
            return f"%{self.table.magic} {self._arguments.line()}"
        except Exception as error:  # noqa: BLE001 - whatever a half-written field says
            return f"# {' '.join(str(error).split())}"

    def chain(self) -> Iterator[ToolPanel]:
        """Yield this form and all that came of it."""
        yield self
        for sequel in self.sequels:
            yield from sequel.chain()

    def refresh(self) -> None:
        """Offer what there is by now: strategies, candles, results."""
        self._arguments.refresh()

    def run(self) -> None:
        """Run the magic with the line that the form has; what is wrong then stands in the form."""
        self.refresh()
        if self.form.run_button.disabled:
            return
        line = self._arguments.line()
        output = self._arguments.words("output")[0] if "output" in self._arguments.fields else ""
        earlier = self._shell.user_ns.get(output)
        self._place.leave()
        self._place = self._new_place()
        try:
            if not self.table.background:
                self.form.work("It is at work, which can take some seconds.")
                try:
                    self._place.show(self._magic(f"{line} --yes" if self.table.question else line))
                finally:
                    self.form.work("")
                self.refresh()  # what it offers may be gone now
                return
            with shown_in(self._place):
                self._magic(f"{line} --background")
        except Exception as error:  # noqa: BLE001 - a tool's error, or one of the user's own code
            self._refuse(error)
            return
        self.job = self._shell.user_ns[output]
        self._sent = None
        self.form.begin()
        self.form.offer_next({})
        self.form.work("It is running. Stop ends it and keeps what has finished.")
        threading.Thread(target=self._finish, args=(self.job, output, earlier), daemon=True,
                         name=f"jesse-nb-panel-{self.job.id}").start()

    def rows(self) -> list[tuple[str, str]]:
        """Return label and content of the fields that are always seen, and of the others that are filled in."""
        found = []
        for name, field in self._arguments.fields.items():
            try:
                words = " ".join(field.words)
            except Exception as error:  # noqa: BLE001 - as above
                words = str(error)
            if isinstance(field, SpaceField) and not words:
                words = "as the strategy declares"
            if words or name in self.table.main:
                found.append((field.label, words or f"({field.default or 'none'})"))
        return found

    @property
    def report(self) -> str:
        """HTML of what came of the last run."""
        return self._report

    def send_on(self, name: str) -> ToolPanel | None:
        """Open another form with what this one has and gave; None when the result is not its own any more.

        Parameters
        ----------
        name
            One of the table's ``then``.
        """
        self._tell_if_replaced()
        if self._sent is None:
            return None
        output, result = self._sent
        given: dict[str, Any] = {key: text.format(output) for key, text in self.table.then[name].items()}
        held_out = name == "backtest" and getattr(result, "test_start", None) is not None
        if held_out:
            first, last = -(-result.test_start // DAY_MS), result.test_end // DAY_MS  # whole days of it
            given |= {"start": utc_text(first * DAY_MS), "end": utc_text(last * DAY_MS)}
        target = table_of(name)
        for argument in _CARRIED:
            wanted, words = target.field_for(argument), self._arguments.words(self.table.field_for(argument))
            several = argument == "metric" and len(words) > 1  # only a search takes several
            if wanted and words and not several:
                given.setdefault(wanted, words)
        period = [*given.get("start", ()), *given.get("end", ())]
        if "in_sample_period" in target.arguments and len(period) == 2:
            given |= windows_fitting(*period)
        sequel = ToolPanel(self._shell, self._settings, target, given, self._changed)
        self.sequels = [sequel, *(one for one in self.sequels if one.job is not None)]  # those that ran stay
        self.form.open([one.widget for one in self.sequels])
        sequel.form.look_here()
        if held_out and not sequel.form.reason:
            sequel.form.say("These are the held-out days: on all others, the search chose what does well.")
        return sequel

    def _new_place(self) -> Place:
        return Place(self._shell, self.form.show, self._keep)

    def _origin(self) -> object:
        """Return the cell and which results it names: one that was made anew is another."""
        names = [word.partition(".")[0] for name in evaluated(self.table.tool) for word in self._arguments.words(name)]
        return self.cell(), [id(self._shell.user_ns.get(name)) for name in names]

    def _mark(self) -> None:
        errors = self._arguments.errors()
        windows = f"<small>{self._arguments.windows}</small>" if self._arguments.windows else ""
        self.form.above.value = self._arguments.coverage + windows
        if not any(errors.values()) and self.table.tool is not None and not self._arguments.costly:
            errors = self._plan(self.table.tool)
        self.form.mark(errors)
        self._tell_if_replaced()

    def _plan(self, tool: Tool) -> dict[str, str]:
        """Plan what the magic would start, and start nothing; return what is wrong, by field."""
        try:
            plan_of_line(self._shell, self._settings, tool, self._arguments.line())
        except Exception as error:  # noqa: BLE001 - a tool's error, or one of the user's own code
            return self._told(error)
        return {}

    def _tell_if_replaced(self) -> None:
        """Take the ways on away when the name of the result stands for another one."""
        if self._sent is None or self._shell.user_ns.get(self._sent[0]) is self._sent[1]:
            return
        name, self._sent = self._sent[0], None
        self.form.offer_next({})
        if not self.form.reason:
            self.form.say(f"{name} is another result by now. To send this one on, run it again with a name of its own.")

    def _summary(self) -> str:
        words = {name: " ".join(self._arguments.words(name)) for name in self.table.main if name not in _SUMMED_UP}
        market = [" ".join(self._arguments.words(name)) for name in _SUMMED_UP]
        period = " to ".join(filter(None, market[-2:]))
        told = [f"{self.field(name).label.lower()} {text}" for name, text in words.items() if text]
        return " · ".join(filter(None, [*market[:-2], period, *told]))

    def _question(self) -> str:
        words = {name: " ".join(self._arguments.words(name)) for name in self._arguments.fields}
        return self.table.question.format(**words)

    def _refuse(self, error: Exception) -> None:
        """Show an error at the field that it is about, until that is edited; beside Run where that is none."""
        for name, text in self._told(error).items():
            if name:
                self._arguments.refuse(name, text)
                self.form.look_at_wrong()
            else:
                self.form.say(text)

    def _told(self, error: Exception) -> dict[str, str]:
        """Return an error by the field that it is about, in the form's own words; an empty name where that is none."""
        name = self.table.field_for(getattr(error, "argument", ""))
        if name and isinstance(error, JesseNbError):
            error.call(self.field(name).label)
        return {name: " ".join(f"{error}".split()) or type(error).__name__}

    def _finish(self, job: Any, output: str, earlier: Any) -> None:
        job.wait()
        done, stopped = job.state == "finished", job.state == "cancelled"
        so_far = job.partial_result()
        lost = so_far is None  # an earlier result is worth more than a job that has none
        given = earlier if lost and earlier is not None else so_far if done or (stopped and not lost) else job
        if self._shell.user_ns.get(output) is job:
            self._shell.push({output: given})
        if not lost:
            self._sent = output, given
            # What was stopped may lack what other forms ask of it; that of a job that failed is the job.
            self.form.offer_next({name: partial(self.send_on, name) for name, words in self.table.then.items()
                                  if done or set(words) <= {"names"}})
        self.form.work("")
        kept = f"{output} is what it was before." if lost and earlier is not None else "" if lost else \
            f"{output}{'' if stopped else '.partial_result()'} is what finished, Run goes on from there."
        ended = "Stopped." if stopped else "It failed, for the reason beneath."
        self.form.say(f"The result is in {output}." if done else f"{ended} {kept}".strip())
        self._tell_if_replaced()
        for form in self.chain():  # what they show may come of an earlier result of that name
            if form is not self:
                form.refresh()

    def _keep(self, html: str) -> None:
        self._report = html
        self._changed()
        self.form.end()  # at last: what is above has its height, and the page scrolls to where the result stays
