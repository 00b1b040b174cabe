"""The fields of one form together: what they offer, what is filled in, and what is wrong between them."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.candles.project import is_project
from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.core.tools.declaration.values import Switch
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import InputError, did_you_mean, shown
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.panel.panel_checks import runs_code, values_error, windows_cut
from jesse_nb.magics.panel.panel_fields import line_of, make_field, words_of_value
from jesse_nb.magics.panel.panel_sources import Sources, moments, period_errors, symbols_said, whole_period
from jesse_nb.magics.panel.panel_tables import PanelTable
from jesse_nb.report.candles.coverage import coverage_html
from jesse_nb.widgets.panel.panel_fields import DateField, Field, FlagField, PickField, SeveralField, TextField
from jesse_nb.widgets.panel.panel_space import SpaceField

if TYPE_CHECKING:
    from jesse_nb.core.candles import SeriesInfo

__all__ = ["Arguments"]

#: Until it is chosen.
_TIMEFRAME = "1h"

#: Fields that name markets whose candles are used; a form has some of them.
_SYMBOLS = ("symbol", "symbols", "y", "x", "universe")

#: What the windows of a walk-forward depend on.
_OF_WINDOWS = ("start", "end", "in_sample_period", "out_sample_period", "step_forward", "gap", "split", "groups",
               "test_groups")


class Arguments:
    """The fields of one form.

    Parameters
    ----------
    shell
        Whose variables are offered.
    settings
        Defaults by ``%config JesseNb``.
    table
        What the form shows.
    parser
        Of the magic.
    changed
        Called after each edit.

    Attributes
    ----------
    fields
        By the argument's name in Python.
    coverage
        What is stored of the chosen markets, as HTML.
    windows
        Into how many a walk-forward cuts its period, as :meth:`errors` found; empty in other forms.
    """

    def __init__(self, shell: InteractiveShell, settings: JesseNb, table: PanelTable, parser: argparse.ArgumentParser,
                 changed: Callable[[], None]) -> None:
        self.coverage = self.windows = ""
        self._table, self._settings, self._parser, self._changed = table, settings, parser, changed
        self._configured = settings.defaults_of_tools()
        self.fields: dict[str, Field] = {
            name: make_field(table, parser, name, shell.user_ns, self._configured)
            for name in table.arguments
        }
        self._sources = Sources(shell, settings)
        self._quiet = False
        self._picked_of: list[str] = []
        self._strategy: Any = None
        self._strategy_error = ""
        self._declared: list[dict[str, Any]] = []
        self._proposed: dict[str, list[str]] = {}
        self._refused: dict[str, tuple[list[str], str]] = {}
        for field in self.fields.values():
            field.observe(self._edited)

    def line(self) -> str:
        """Return the magic's line.

        Raises
        ------
        Exception
            What a half-written field says.
        """
        return line_of(self._table, self._parser, {name: field.words for name, field in self.fields.items()})

    def words(self, name: str) -> list[str]:
        """Return a field's words; none while it is wrong, or where there is no such field."""
        try:
            return self.fields[name].words if name in self.fields else []
        except Exception:  # noqa: BLE001 - its own mark says what is wrong
            return []

    @property
    def costly(self) -> bool:
        """Whether it takes more than a look to check all: a database or a cluster would be asked, or code run."""
        jobs = [word for name in ("n_jobs", "concurrent_limit")
                for word in self.words(name) or self._configured_words(name)]
        elsewhere = self._of_project or any(re.search("[A-Za-z]", word) for word in jobs)
        return elsewhere or runs_code(self._table.tool, {name: self.words(name) for name in self.fields})

    @property
    def _of_project(self) -> bool:
        """Whether the project's database may have more than what is stored."""
        return is_project(self._settings.project or ".")

    def refresh(self) -> None:
        """Offer what there is by now: strategies, candles, results."""
        self._edited()

    def refuse(self, name: str, error: str) -> None:
        """Mark a field with what the tool said of it, until it is edited."""
        self._refused[name] = self.words(name), error
        self._changed()

    def begin(self, values: Mapping[str, Any]) -> None:
        """Fill in defaults, and what is given by the argument's name in Python.

        Raises
        ------
        InputError
            When there is no such field.
        """
        configured = self._configured
        wanted = {"strategy": self._sources.newest_strategy()}
        timeframe = self._table.declared("timeframe")
        if timeframe is None or timeframe.default in (None, ""):  # a tool's own default stands
            wanted["timeframe"] = configured.get("timeframe", _TIMEFRAME)
        wanted |= {name: configured[name] for name in ("exchange", "symbol") if name in configured}
        wanted = {self._table.field_for(name) or name: value for name, value in wanted.items()}
        wanted = {} if self._table.filters else wanted | {"output": self._table.output}
        unknown = [name for name in values if name not in self.fields]
        if unknown:
            raise InputError(f"The form {shown(self._table.title)} has no field {shown(unknown[0])}.",
                             did_you_mean(unknown[0], self.fields))
        with self._quietly():
            self._offer()
            # Exchange and strategy come first: what others offer depends on them.
            for name in sorted({**wanted, **values}, key=lambda one: one not in ("exchange", "strategy", "strategies")):
                if name not in self.fields or name in ("start", "end"):
                    continue
                self._fill(name, values.get(name, wanted.get(name)))
                if name == "exchange":
                    self._offer()
                if name in ("strategy", "strategies"):
                    self._ask_strategy()
            self._choose_first()
        self._edited()
        for name in ("start", "end"):
            if name in values:
                self._fill(name, values[name])

    def _fill(self, name: str, value: Any) -> None:
        field = self.fields[name]
        if value is None or value == "":
            return
        if isinstance(field, SpaceField) and not isinstance(value, str | list):
            from jesse_nb.core.study.space import Space

            field.show(Space.parse(value))
        elif isinstance(field, FlagField):
            one = self._table.declared(name)
            on = one.reader.on if one is not None and isinstance(one.reader, Switch) else True
            field.fill(["yes"] if value is on or not isinstance(value, bool) else [])
        else:
            field.fill(words_of_value(value))

    def _choose_first(self) -> None:
        """Choose one of several where none is chosen, as a list with one choice does by itself."""
        for name in self._table.required:
            field = self.fields[name]
            options = getattr(field.control, "options", ()) if isinstance(field, SeveralField) else ()
            if options and not field.words:
                field.fill([options[0]])

    def _offer(self) -> None:
        for name, field in self.fields.items():
            if isinstance(field, DateField | FlagField | SpaceField):
                continue
            exchange = self.words("exchange")  # which may have gone just now
            if isinstance(field, PickField) and name != "exchange" and exchange != self._picked_of:
                field.fill([])  # the same name is another series there
                self._picked_of = exchange
            argument = self._table.offers.get(name, name)
            field.offer(self._sources.offered(self._parser, argument, exchange[0] if exchange else ""))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _edited(self) -> None:
        if self._quiet:
            return
        with self._quietly():
            self._offer()
            self._ask_strategy()
            self._propose_period()
            self._propose_symbol()
        space = self.fields.get("space")
        if isinstance(space, SpaceField) and "space" not in self._table.required:  # as in a walk-forward
            space.fixed = bool(self.words("hyperparameters"))
        self._changed()

    def errors(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        errors = {name: field.find_error() for name, field in self.fields.items()}
        if self._strategy_error:
            errors["strategies" if "strategies" in self.fields else "strategy"] = self._strategy_error
        for name in ("params", "hyperparameters"):
            if not errors.get(name, "no such field") and len(self.words("strategies")) < 2:
                errors[name] = values_error(self.words(name), self._declared, several=name == "params")
        space = self.fields.get("space")
        if isinstance(space, SpaceField) and not errors.get("hyperparameters", "no such field"):
            both = space.varied.intersection(word.partition("=")[0] for word in self.words("hyperparameters"))
            errors["hyperparameters"] = "".join(
                f"{name} is ticked in the table, so it is varied. Untick it there to give it a value." for name in
                sorted(both)[:1])
        for name, (words, error) in list(self._refused.items()):
            if self.words(name) != words:
                del self._refused[name]  # edited since
            else:
                errors[name] = errors.get(name) or error
        series = [] if self._of_project else self._series()
        found = period_errors(series, self._timeframes(), self._warm_up(), self.words("start"), self.words("end"))
        errors |= {name: text for name, text in found.items() if name in self.fields and not errors.get(name)}
        self.windows = ""
        if "in_sample_period" in self.fields and not any(map(errors.get, _OF_WINDOWS)):
            self.windows, wrong = windows_cut(
                {name: self.words(name) or self._configured_words(name) for name in _OF_WINDOWS})
            errors |= wrong
        if "periods" in self.fields and not self.words("periods"):
            errors |= {name: "Choose a date, or give periods." for name in ("start", "end") if not self.words(name)}
        return errors

    def _configured_words(self, name: str) -> list[str]:
        return words_of_value(self._configured[name]) if name in self._configured else []

    def _ask_strategy(self) -> None:
        """Read what the chosen strategy declares, when it is another one."""
        names = self.words("strategy") or self.words("strategies")
        if not names or self._table.filters:
            self._strategy, self._strategy_error = None, ""
            return
        declared, own = [], {}
        try:
            strategy = self._sources.strategy(names[0])
            if strategy is self._strategy or (isinstance(strategy, str) and strategy == self._strategy):
                return
            self._strategy, self._strategy_error = strategy, ""
            described = self._sources.described(strategy)
            declared, own = described.hyperparameters, described.defaults
        except Exception as error:  # noqa: BLE001 - the strategy's own code ran
            self._strategy_error = " ".join(f"{type(error).__name__}: {error}".split())
        self._declared = declared
        first = self.fields.get("check_first")
        if isinstance(first, FlagField):
            first.fill(["yes"] if self._strategy is not None and self._sources.first_study(self._strategy) else [])
        space, values = self.fields.get("space"), self.fields.get("params", self.fields.get("hyperparameters"))
        if isinstance(space, SpaceField):
            space.declare(declared)
        elif isinstance(values, TextField):
            values.hint(" ".join(f"{name}={value}" for name, value in own.items()))

    def _series(self) -> list[SeriesInfo]:
        symbols = [symbol for name in _SYMBOLS for symbol in self.words(name)]
        exchange = self.words("exchange")
        return [series
                for series in self._sources.stored() if series.symbol in symbols and [series.exchange] == exchange]

    def _timeframes(self) -> list[str]:
        return self.words("timeframe") or self.words("timeframes")

    def _warm_up(self) -> int:
        field = self.fields.get("warm_up_candles")
        if field is not None and self.words(field.name) and not field.find_error():
            return int(field.words[0])
        return int(self._settings.warm_up_candles or Request.warm_up_candles)

    def _propose_symbol(self) -> None:
        """Fill in the symbol that the names of files to import say, as long as nobody wrote another one."""
        if self._table.words != ("import",):
            return
        said, field = symbols_said(self.words("names")), self.fields["symbols"]
        if len(said) < 2 and field.words == self._proposed.get("symbols", []):
            self._proposed["symbols"] = said
            field.fill(said)

    def _propose_period(self) -> None:
        """Fill in the whole period that is stored, as long as nobody wrote another one; show what is stored."""
        series, timeframes = self._series(), self._timeframes()
        start, end = self.fields.get("start"), self.fields.get("end")
        if not (isinstance(start, DateField) and isinstance(end, DateField)) or not self._table.background:
            return
        if series and timeframes:
            longest = max(timeframes, key=lambda one: TIMEFRAME_MINUTES.get(one, 0))
            periods = [whole_period(one, longest, self._warm_up()) for one in series]
            first, last = max(one for one, _ in periods), min(one for _, one in periods)
            for field, day in ((start, first), (end, last)) if first < last else ():
                if field.words == self._proposed.get(field.name, []):
                    self._proposed[field.name] = [day.isoformat()]
                    field.fill(self._proposed[field.name])
        self.coverage = coverage_html(series, moments(self.words("start"), self.words("end")))
