"""What the fields of a form offer: strategies, stored candles, results; and the period that they allow."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import argparse
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES, to_ms, utc_text
from jesse_nb.core.tools.registry import ANALYZE_RESULTS
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.analyze import results_and_runs_in
from jesse_nb.magics.cell import CellBody, choose_strategy, strategies_in
from jesse_nb.magics.completion import values_of
from jesse_nb.magics.config import JesseNb

if TYPE_CHECKING:
    from jesse_nb.core.candles import SeriesInfo
    from jesse_nb.core.jobs.worker import Description

__all__ = ["Sources", "moments", "period_errors", "symbols_said", "whole_period"]


class Sources:
    """Where a form's values come from: the shell's variables, the candle store, the Jesse project.

    Parameters
    ----------
    shell
        Whose variables are offered.
    settings
        Defaults by ``%config JesseNb``.
    """

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        self._shell = shell
        self._settings = settings
        self._tags_of: tuple[int, list[str]] = (0, [])

    def offered(self, parser: argparse.ArgumentParser, argument: str, exchange: str) -> list[str]:
        """Return the values of an argument, on this exchange; those that Tab offers on the magic's line."""
        if argument == "names":
            return results_and_runs_in(self._shell.user_ns)
        if argument == "analysis_type":
            return list(ANALYZE_RESULTS.parameter(argument).reader.choices)
        if argument == "tags":
            return self._tags()
        if argument == "demo_symbols":
            from jesse_nb.core.candles import DEMO_SYMBOLS

            return list(DEMO_SYMBOLS)
        one = "strategy" if argument == "strategies" else argument
        words = ["--exchange", exchange] if exchange and argument != "exchange" else []
        values = values_of(self._shell, self._settings, parser, words, one)
        return [value.strip('"') for value in values]

    def _tags(self) -> list[str]:
        """Return the tags of kept results; read again where one was written or deleted since."""
        from jesse_nb.core.record.result_store import ResultStore

        store = ResultStore()
        changed = store.folder.stat().st_mtime_ns if store.folder.is_dir() else 0
        if changed != self._tags_of[0]:
            self._tags_of = changed, sorted({tag for entry in store.entries(metrics=False) for tag in entry.tags})
        return self._tags_of[1]

    def newest_strategy(self) -> str:
        """Return the strategy that the notebook defined last; empty when it has none."""
        return next(reversed(strategies_in(self._shell.user_ns)), "")

    def stored(self) -> list[SeriesInfo]:
        """Return all stored series; none when the store cannot be read."""
        from jesse_nb.core.candles import CandleStore

        try:
            return CandleStore(self._settings.candles).list()
        except JesseNbError:
            return []

    def strategy(self, name: str) -> Any:
        """Return the strategy of that name: a class, or a project's name."""
        return choose_strategy(self._shell, CellBody(), name, self._settings.project)

    def first_study(self, strategy: Any) -> bool:
        """Whether the project neither checked nor studied a strategy's code; True, too, where that cannot be told."""
        from jesse_nb.core.jobs.store.address import is_address
        from jesse_nb.core.jobs.store.run_store import RunStore, default_store, is_there
        from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
        from jesse_nb.core.tools.check.check_first import is_first_study

        try:
            code = resolve_strategy(strategy, self._settings.project)
            place = self._settings.store or default_store()
            if is_address(place) or not is_there(place):  # a database is not asked for the sake of a tick
                return True
            with closing(RunStore(place)) as store:
                return is_first_study(store, [code.ref])
        except JesseNbError:
            return True

    def described(self, strategy: Any) -> Description:
        """Return what a strategy declares as its hyperparameters, and its own values of them.

        Raises
        ------
        Exception
            Whatever its code raises.
        """
        if isinstance(strategy, type):
            from jesse_nb.core.jobs.worker import Description
            from jesse_nb.core.simulator.strategies.own_values import default_hyperparameters

            return Description(list(strategy.hyperparameters(None)),  # type: ignore[attr-defined]
                               default_hyperparameters(strategy))
        from jesse_nb.core.jobs.pool import local_pool
        from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
        from jesse_nb.core.tools.trials import describe_strategy

        code = resolve_strategy(strategy, self._settings.project)
        return describe_strategy(local_pool(), code, lambda: False)


def symbols_said(files: list[str]) -> list[str]:
    """Return the symbols that the names of candle files say, each once; a pattern is read as one of its files."""
    from jesse_nb.core.candles.importing.file_names import named_file

    named = [named_file(Path(file.replace("*", "2024-01")).parts) for file in files if file.strip()]
    return list(dict.fromkeys(one.symbol for one in named if one is not None))


def whole_period(series: SeriesInfo, timeframe: str, warm_up: int) -> tuple[date, date]:
    """Return the first date that leaves room for the warm-up, or the end if none does; and the last stored midnight."""
    first = min(series.start + warm_up * TIMEFRAME_MINUTES[timeframe] * MINUTE_MS, series.end)
    return _date(-(-first // DAY_MS) * DAY_MS), _date(series.end // DAY_MS * DAY_MS)


def moments(start: list[str], end: list[str]) -> tuple[int, int] | None:
    """Return a period of dates in milliseconds UTC, None as long as it is none."""
    try:
        return to_ms(start[0]), to_ms(end[0])
    except (IndexError, JesseNbError):
        return None


def period_errors(series: list[SeriesInfo], timeframes: list[str], warm_up: int, start: list[str],
                  end: list[str]) -> dict[str, str]:
    """Return what is wrong with the dates, as far as they are given.

    Parameters
    ----------
    series
        The chosen markets.
    timeframes
        The chosen timeframes.
    warm_up
        Candles that the strategy sees before the start.
    start, end
        The dates' words.
    """
    errors: dict[str, str] = {}
    begin, finish = _moment("start", start, errors), _moment("end", end, errors)
    if begin is not None and finish is not None and begin >= finish:
        errors["end"] = f"The end ({utc_text(finish)}) must come after the start ({utc_text(begin)})."
    minutes = max((TIMEFRAME_MINUTES.get(timeframe, 0) for timeframe in timeframes), default=0)
    for one in series:
        first = one.start + warm_up * minutes * MINUTE_MS
        if first >= one.end:
            days = f"{warm_up * minutes * MINUTE_MS / DAY_MS:,.0f}"
            errors.setdefault("warm_up_candles", f"{one.symbol} is stored from {utc_text(one.start)} to "
                              f"{utc_text(one.end)}. {warm_up:,} candles to warm up are {days} days: nothing is left. "
                              "Give fewer, or choose a shorter timeframe.")
            continue
        if begin is not None and begin < first:
            stored = f"{one.symbol} is stored from {utc_text(one.start)}."
            errors.setdefault("start", f"{stored} With {warm_up:,} candles to warm up, {utc_text(first)} is the first "
                                       "start.")
        if finish is not None and finish > one.end:
            errors.setdefault("end", f"{one.symbol} is stored up to {utc_text(one.end)}.")
    return errors


def _moment(name: str, words: list[str], errors: dict[str, str]) -> int | None:
    try:
        return to_ms(words[0], name) if words else None
    except JesseNbError as error:
        errors[name] = str(error)
        return None


def _date(milliseconds: int) -> date:
    return datetime(1970, 1, 1, tzinfo=timezone.utc).date() + timedelta(milliseconds=milliseconds)
