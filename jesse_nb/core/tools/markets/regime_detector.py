"""Regimes: in which state a market was, as one could have told day by day, beside hindsight."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.hidden_states import bic_table, fit_states, smoothed
from jesse_nb.core.analysis.markets.regime_labels import (
    LabelModel,
    RefitLabels,
    change_points,
    fit_jumps,
    refit_labels,
)
from jesse_nb.core.analysis.markets.regime_path import (
    COMPARED,
    WINDOW,
    RefitStates,
    days_late,
    forecast_record,
    performance_by_state,
    refit_path,
    volatility_states,
)
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.markets.regime_names import naming_notes, swap_notes
from jesse_nb.core.tools.markets.regime_tables import hidden_fits, label_fits, stays
from jesse_nb.core.tools.markets.return_series import (
    Named,
    ReturnSeries,
    check_days_only,
    market_of,
    market_returns,
    named_inputs,
    result_returns,
)
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import REGIME_DETECTOR
from jesse_nb.exceptions import CandlesError, InputError

__all__ = ["Regimes", "regime_detector"]

#: Days before the first fit, and days that must follow it.
FEWEST_KNOWN, FEWEST_TOLD = 180, 60
_MOST_STATES = 3

Method = Literal["markov", "jump", "changepoint", "vol_terciles"]

_NAMES = {1: ("one",), 2: ("calm", "wild"), 3: ("calm", "medium", "wild"),
          4: ("calm", "medium", "wild", "wildest")}


@dataclass(frozen=True, repr=False)
class Regimes(Shown):
    """In which state a market was.

    Attributes
    ----------
    series
        Whose regimes these are.
    judged
        Whose returns ``performance`` is of: the result's, or the market's own.
    method, refit, seed
        As asked for; ``refit`` in days, or in candles of the timeframe.
    states
        What they are called, the calmest first. One where the days before the first fit show no more.
    bic
        Schwarz's criterion by the number of states, of the days before the first fit; empty where the number was given.
    days
        One row a day that was told of (a candle, by its beginning, where ``timeframe`` is not ``1D``): ``return``;
        ``state`` as told at its end from days up to it, by a model that was fitted before it; ``hindsight``: the state
        as all days together show it; for hidden states also the probabilities, ``told`` and ``smoothed``, of the
        wildest.
    performance
        Of the days whose state was told the evening before, see
        :func:`~jesse_nb.core.analysis.markets.regime_path.performance_by_state`; index the state's name. Its count is
        called ``candles`` where ``timeframe`` is not ``1D``.
    transitions
        From row to column, from one day or candle to the next, as told.
    durations
        Mean days or candles of a stay in each state, as told.
    fits
        One row a fit: ``day`` (or beginning of the candle) it was first used on, ``converged``, ``likelihood``,
        ``changed`` (share of the earlier days that it calls otherwise than the fit before), and each state's ``mean``
        and ``volatility`` (percent a day or candle). Jumps and change points have no likelihood (NaN); their means and
        volatilities are those of the days they call so.
    late, missed
        Days or candles that each change which hindsight sees was told later, and how many changes were never told, or
        only after 60.
    record
        What the forecasts were worth: see :func:`~jesse_nb.core.analysis.markets.regime_path.forecast_record`; of
        hidden states only, as the others foretell nothing.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.
    timeframe
        Of the candles that were told of.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> steps = np.random.default_rng(0).standard_normal(300) * 0.01
    >>> equity = pd.Series(1_000 * np.cumprod(1 + steps), pd.date_range("2023-01-01", periods=300, tz="UTC"))
    >>> jn.regime_detector(equity, "vol_terciles").states
    ('calm', 'medium', 'wild')
    """

    series: ReturnSeries
    judged: ReturnSeries
    method: Method
    refit: int
    seed: int
    states: tuple[str, ...]
    bic: Mapping[int, float]
    days: pd.DataFrame
    performance: pd.DataFrame
    transitions: pd.DataFrame
    durations: pd.Series[float]
    fits: pd.DataFrame
    late: tuple[float, ...]
    missed: int
    record: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""
    timeframe: str = "1D"

    @property
    def unit(self) -> str:
        """What was told of one by one: a ``day``, or a ``candle`` of another timeframe."""
        return _unit(self.timeframe)

    @property
    def disagreement(self) -> float:
        """Share of the days whose state hindsight calls otherwise than it was told."""
        return float((self.days["state"] != self.days["hindsight"]).mean())

    @property
    def switches(self) -> tuple[int, int]:
        """How often the state changed, as told and in hindsight."""
        told, hindsight = (int((self.days[name].diff().iloc[1:] != 0).sum()) for name in ("state", "hindsight"))
        return told, hindsight

    def to_frame(self) -> pd.DataFrame:
        """Return the table of days."""
        return self.days.copy()


def _unit(timeframe: str) -> str:
    return "day" if timeframe == "1D" else "candle"


@planned
@declared(REGIME_DETECTOR)
def regime_detector(
    inputs: Any = None,
    detection_method: Literal["markov", "jump", "changepoint", "vol_terciles"] = "markov",
    n_regimes: str | int = "bic",
    refit: int = 30,
    *,
    timeframe: str = "1D",
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    seed: int = 0,
    background: bool = False,
) -> Plan[Regimes]:
    """Tell in which state a market was each day, as it could have been told then, and what hindsight adds.

    What a day's state is called rests on the days up to it alone, and on a model that was fitted before it. What all
    days together show stands beside it, and is labelled so: it looks better, and nobody could have traded it.

    Parameters
    ----------
    inputs
        One stored symbol, or one result: then its first market's regimes, and how the strategy did in each. A series
        of equity or a portfolio has its own.
    detection_method
        ``markov``: hidden states with normal returns (``hmm`` is the same model). ``jump``: a statistical jump model
        of downside deviation and Sortino ratios, in which each change costs. ``changepoint``: stretches of days between
        which mean or variance changed, as wild as their volatility. ``vol_terciles``: the volatility of 30 days among
        those of the last 365.
    n_regimes
        2 to 4, or ``bic``: as many as the days before the first fit show, one to three. Jumps and change points have no
        likelihood to compare, and take two; terciles are three.
    refit
        Days from one fit to the next; candles where ``timeframe`` is not ``1D``.
    timeframe
        Of the candles whose states are told, of a stored market: all that is counted in days is counted in these
        candles then. A result has days only.
    exchange
        Of a symbol that several stored exchanges have.
    start, end
        A part of what is stored, end excluded. The first 180 days or candles, or a quarter if that is more, are learned
        from.
    candles
        Where candles are kept.
    store
        Where stored runs are looked up.
    seed
        Of the fits' starts and the bootstrap.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When it is not one, there are fewer than 240 days or candles, the first fit does not converge, a timeframe is
        given for a result, or the market's minutes were made of longer candles than the timeframe's.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> steps = np.random.default_rng(0).standard_normal(300) * 0.01
    >>> equity = pd.Series(1_000 * np.cumprod(1 + steps), pd.date_range("2023-01-01", periods=300, tz="UTC"))
    >>> jn.regime_detector(equity, "vol_terciles").states
    ('calm', 'medium', 'wild')
    """
    folder = candles or CandleStore()
    given = [] if inputs is None else named_inputs("inputs", inputs, store=store)
    if len(given) != 1:
        raise InputError.of("inputs", f"holds {len(given) or 'nothing'}.", "Regimes are of one market or result.")
    if detection_method == "vol_terciles" and n_regimes not in ("bic", 3):
        raise InputError.of("n_regimes", f"is {n_regimes}, and terciles are three.", "Leave it out.")
    series, judged, notes = _read(given[0], timeframe, exchange, folder, start, end)
    known = max(FEWEST_KNOWN, len(series.returns) // 4)
    if len(series.returns) < FEWEST_KNOWN + FEWEST_TOLD:
        kind = "daily returns" if timeframe == "1D" else f"returns of {timeframe}"
        shorter = series.kind == "market" and timeframe not in ("1m", series.expanded_from) and series is judged
        raise InputError.of("inputs", f"has {len(series.returns):,} {kind}, and {FEWEST_KNOWN + FEWEST_TOLD} are "
                            f"needed: {FEWEST_KNOWN} are learned from.", "Give a longer period"
                            f"{', or a shorter timeframe' if shorter else ''}.")
    asked = _Asked(series, judged, detection_method, n_regimes, refit, known, seed, notes, timeframe)
    return Plan("regime_detector", f"{series.name} ({detection_method})", asked.work, background=background, joins=True)


def _read(
    pair: Named, timeframe: str, exchange: str | None, folder: CandleStore, start: Any, end: Any
) -> tuple[ReturnSeries, ReturnSeries, tuple[str, ...]]:
    """Return whose regimes are told, whose returns are judged by them, and remarks."""
    market = market_of(pair.value, exchange, folder)
    if market is not None:
        found = market_returns(pair.name or market.symbol, market, timeframe, folder, start, end)
        return found, found, found.notes
    check_days_only(timeframe)
    if start is not None or end is not None:
        raise InputError.of("start" if start is not None else "end", "is of stored markets, and a result was given.",
                            "Leave it out: a result has its own days.")
    judged = result_returns(pair, candles=folder)
    spec = getattr(pair.value, "spec", None)
    if spec is None:
        return judged, judged, (f"These are the regimes of {judged.name}'s own returns.", *judged.notes)
    route = spec.routes[0]
    last = judged.returns.index[-1] + pd.Timedelta(days=1)
    try:
        info = folder.info(route.exchange, route.symbol)
        return market_returns(route.symbol, info, "1D", folder, None, last), judged, judged.notes
    except CandlesError as error:
        return judged, judged, (f"The candles of {route.symbol} are not at hand, so these are the regimes of the "
                                f"strategy's own returns: {error}", *judged.notes)


@dataclass(frozen=True)
class _Asked:
    """A search for regimes at work."""

    series: ReturnSeries
    judged: ReturnSeries
    method: Method
    n_regimes: str | int
    refit: int
    known: int
    seed: int
    notes: tuple[str, ...]
    timeframe: str

    @property
    def unit(self) -> str:
        return _unit(self.timeframe)

    def work(self, control: JobControl) -> Regimes:
        values = self.series.returns.to_numpy(dtype=float)
        if self.method == "vol_terciles":
            days = pd.DataFrame({"return": values[self.known:],
                                 "state": volatility_states(values, self.known),
                                 "hindsight": volatility_states(values, self.known, hindsight=True)},
                                index=self.series.returns.index[self.known:])
            note = f"Volatility of {WINDOW} {self.unit}s, ranked among those of the last {COMPARED}."
            return self._result(days, 3, {}, [], (note,), "")
        if self.method != "markov":
            return self._labelled(values, 2 if self.n_regimes == "bic" else int(self.n_regimes), control)
        control.update(phase="how many states", done=0, total=1)
        bic = bic_table(values[:self.known], _MOST_STATES, seed=self.seed) if self.n_regimes == "bic" else {}
        states = min(bic, key=lambda count: bic[count]) if bic else int(self.n_regimes)
        return self._hidden(values, states, bic, control)

    def _labelled(self, values: Any, states: int, control: JobControl) -> Regimes:
        fit: Callable[[Any], LabelModel] = partial(fit_jumps, count=states, seed=self.seed) \
            if self.method == "jump" else partial(change_points, count=states)
        fits: list[RefitLabels] = []
        total, stopped = -(-(len(values) - self.known) // self.refit), ""
        for found in refit_labels(values, self.known, self.refit, fit):
            fits.append(found)
            control.update(phase=f"telling {self.unit} by {self.unit}", done=len(fits), total=total)
            if control.cancelled:
                stopped = "interrupted"
                break
        told = np.concatenate([one.states for one in fits])
        seen = values[: self.known + len(told)]
        days = pd.DataFrame({"return": seen[self.known:], "state": told,
                             "hindsight": fit(seen).hindsight(seen)[self.known:]},
                            index=self.series.returns.index[self.known:len(seen)])
        note = "Until the next fit the last stretch goes on: a change is noticed at a fit." \
            if self.method == "changepoint" else ""
        table = label_fits(fits, days.index[[one.place - self.known for one in fits]], _NAMES[states], values)
        result = self._result(days, states, {}, [], (*([note] if note else []), *swap_notes(table, states)), stopped)
        return replace(result, fits=table)

    def _hidden(self, values: Any, states: int, bic: dict[int, float], control: JobControl) -> Regimes:
        fits: list[RefitStates] = []
        total = -(-(len(values) - self.known) // self.refit)
        for fit in refit_path(values, states, self.known, self.refit, seed=self.seed):
            if not fits and not fit.converged:
                raise InputError.of("n_regimes", f"is {states}, and the first fit, of {self.known:,} {self.unit}s, did "
                                    "not converge.", "Take fewer states, a longer period, or vol_terciles.")
            fits.append(fit)
            control.update(phase=f"telling {self.unit} by {self.unit}", done=len(fits), total=total)
            if control.cancelled:
                return self._told(values[: self.known + sum(map(len, (one.densities for one in fits)))], states, bic,
                                  fits, "interrupted")
        return self._told(values, states, bic, fits, "")

    def _told(self, values: Any, states: int, bic: dict[int, float], fits: list[RefitStates], stopped: str) -> Regimes:
        told = np.concatenate([fit.probabilities for fit in fits])
        whole = fit_states(values, states, seed=self.seed)
        back = smoothed(whole, values)[self.known:]
        days = pd.DataFrame({
            "return": values[self.known:], "state": told.argmax(axis=1), "hindsight": back.argmax(axis=1),
            "told": told[:, -1], "smoothed": back[:, -1]}, index=self.series.returns.index[self.known:len(values)])
        notes = [] if whole.converged else [f"The fit to all {self.unit}s, which hindsight rests on, did not converge."]
        failed = sum(not fit.converged for fit in fits)
        if failed:
            notes.append(f"{failed:,} of {len(fits):,} fits did not converge: the one before each was kept.")
        if states == 1:
            notes.append(f"The {self.unit}s before the first fit show one regime: more would be fat tails, or chance. "
                         "n_regimes=2 tells two all the same.")
        return self._result(days, states, bic, fits, (*notes, *swap_notes(self._fits(fits, days), states)), stopped)

    def _result(
        self, days: pd.DataFrame, states: int, bic: dict[int, float], fits: list[RefitStates], notes: tuple[str, ...],
        stopped: str,
    ) -> Regimes:
        names = _NAMES[states]
        state = days["state"].to_numpy()
        evening = days["state"].shift(1).dropna().astype(int)  # what was known when the day began
        judged = self.judged.returns.reindex(evening.index).dropna()
        if len(judged) < FEWEST_TOLD // 2:
            raise InputError.of("inputs", f"has {len(judged):,} {self.unit}s after those that are learned from.",
                                f"{FEWEST_TOLD // 2} are needed: store older candles, or give a longer result.")
        known = np.asarray(evening[judged.index], dtype=np.int64)
        performance = performance_by_state(judged, known, states, seed=self.seed,
                                           periods=PERIODS * DAY_MS / (TIMEFRAME_MINUTES[self.timeframe] * MINUTE_MS))
        counts = pd.crosstab(state[:-1], state[1:]).reindex(index=range(states), columns=range(states), fill_value=0)
        late, missed = days_late(state, days["hindsight"].to_numpy())
        record = {} if not fits or states == 1 else forecast_record(
            np.concatenate([fit.densities for fit in fits]), np.concatenate([fit.normal for fit in fits]))
        return Regimes(
            self.series, self.judged, self.method, self.refit, self.seed, names, bic, days,
            performance.set_axis(list(names)).rename(columns={"days": f"{self.unit}s"}),
            counts.div(counts.sum(axis=1).replace(0, math.nan), axis=0).set_axis(list(names)).set_axis(
                list(names), axis=1), stays(state, names), self._fits(fits, days), tuple(late.tolist()), missed,
            record, (*self.notes, *notes, *naming_notes(days, names, self.unit)), stopped,
            self.timeframe)

    def _fits(self, fits: list[RefitStates], days: pd.DataFrame) -> pd.DataFrame:
        moments = days.index[[one.place - self.known for one in fits]]
        return hidden_fits(fits, moments, _NAMES[len(fits[0].model.means)] if fits else ())
