"""Portfolio: results held together, each in an account of its own or all in one, beside an equal division."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdown_statistics
from jesse_nb.core.analysis.markets.allocation_figures import (
    FEWEST_COMPARED,
    allocation_table,
    division_table,
    joint_drawdowns,
)
from jesse_nb.core.analysis.markets.rebalancing import HeldTogether, hold_together, rebalancing_days
from jesse_nb.core.analysis.markets.weights import ALLOCATIONS, Allocation, allocate
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analyzed_run import AnalysisInput, analyzed_run
from jesse_nb.core.tools.analyze.analyzed_tables import from_tables
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.markets.one_account import OneAccount, simulated_together
from jesse_nb.core.tools.markets.return_series import ReturnSeries, aligned, market_symbol, named_inputs, result_returns
from jesse_nb.core.tools.markets.shared_account import SharedAccount, backtests_of, shared_account
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import PORTFOLIO
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.core.tools.risk.risk_input import Sample
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["PortfolioResult", "portfolio"]

#: Days that must be known before the first weights, and days that must be held to compare divisions. Weights that rest
#: on no days, held alone, need but two: what a volatility is of.
FEWEST_KNOWN, FEWEST_HELD, FEWEST_AT_ALL = 30, FEWEST_COMPARED, 2

#: Of one fill, where no result says what its account pays.
_COST = 0.001


@dataclass(frozen=True, repr=False)
class PortfolioResult(Shown):
    """Results held together.

    All figures but those of :attr:`simulated` are of accounts that were simulated by themselves.

    Attributes
    ----------
    parts
        What is in it.
    allocation
        How the money is divided: one of the methods, or ``given``.
    given
        The weights that were given; empty otherwise.
    rebalance, window, seed
        As asked for.
    cost
        Of moving money, as a fraction of what is taken out or put in.
    known
        Days before the first that is held: the first weights rest on them. Zero where there are too few days for that:
        then weights that need none are held alone.
    left_out
        Days from the first to the last of any part that not all have.
    sample
        Whether the parts' parameters had seen the days: ``out-of-sample`` only where that is so of all.
    quote
        The currency; empty where nobody knows.
    equity
        In the quote currency, beginning with the parts' balances together; index each day's beginning, and the end.
    weights, contributions, turnover
        Of the chosen division; see :class:`~jesse_nb.core.analysis.markets.rebalancing.HeldTogether`.
    curves
        Value by day, beginning with one: of each division that was tried, and of each part alone.
    allocations
        One row a division that was tried, and one a part: see
        :func:`~jesse_nb.core.analysis.markets.allocation_figures.allocation_table`.
    division
        One row a part: see :func:`~jesse_nb.core.analysis.markets.allocation_figures.division_table`.
    drawdowns
        The five deepest: ``start``, ``trough``, ``recovery``, ``depth`` (percent), and for each part its own return
        from start to trough (percent).
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.
    simulated
        The same strategies in one account: with ``mode="simulated"`` only. Tools that read a result read it, then.

    Examples
    --------
    >>> runs = [jn.backtest(TrendFollower, symbol, "1h", "2023-02-01", "2023-05-01")
    ...         for symbol in ("BTC-USDT", "ETH-USDT")]
    >>> held = jn.portfolio(runs, "risk_parity")
    >>> held.weights.shape[1]
    2
    """

    parts: tuple[ReturnSeries, ...]
    allocation: Allocation | Literal["given"]
    given: Mapping[str, float]
    rebalance: str
    window: int
    cost: float
    known: int
    seed: int
    left_out: int
    sample: Sample
    quote: str
    equity: pd.Series[float]
    weights: pd.DataFrame
    contributions: pd.DataFrame
    turnover: pd.Series[float]
    curves: pd.DataFrame
    allocations: pd.DataFrame
    division: pd.DataFrame
    drawdowns: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""
    simulated: OneAccount | None = None

    @property
    def strategy(self) -> str:
        """What it is called where a strategy's name stands."""
        return f"Portfolio of {len(self.parts)}"

    @property
    def synthetic(self) -> bool:
        """Whether any part was simulated on candles that are made up."""
        return any(part.synthetic for part in self.parts)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of the divisions that were tried."""
        return self.allocations.copy()


@planned
@declared(PORTFOLIO)
def portfolio(
    results: Any = None,
    weights: str | Mapping[str, float] = "equal",
    rebalance: Literal["1D", "1W", "1M", "3M", "1Y", "never"] = "1M",
    window: int = 365,
    cost: float | None = None,
    mode: Literal["accounts", "simulated"] = "accounts",
    *,
    strategy: Any = None,
    seed: int = 0,
    n_jobs: Jobs | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    background: bool = False,
) -> Plan[PortfolioResult]:
    """Hold results together: each in an account of its own, with money moved between them from time to time.

    Weights are computed from the days before alone. All divisions are tried on the same days, and an equal one stands
    beside each. With fewer than 60 days only equal and given weights can be held, from the first day on. Each account
    trades as it did, at another size, and nothing is simulated. With ``mode="simulated"`` Jesse runs all strategies in
    one account, too, and both are compared: each sees its share of the balance as the balance, and the shares are those
    that the accounts had.

    Parameters
    ----------
    results
        Two or more of: results of backtest, optimize, walk_forward; series of equity; keys of stored runs. A batch
        stands for its combinations, a dict names them. All in one quote currency.
    weights
        ``equal``, ``inverse_vol``, ``min_variance``, ``risk_parity``, ``hrp``, or weights by name, which add up to one.
    rebalance
        When money is moved: each day, on Mondays, on the first day of a month, quarter or year, or never.
    window
        Days of the past that weights rest on; at the beginning those that there are.
    cost
        Of moving money, as a fraction of what is taken out of an account or put into one. Without it the parts' mean
        fee, as a position is made smaller or larger by one fill. In one account nothing is moved: what is open keeps
        its size, and Jesse charges each fill.
    mode
        ``accounts``, or ``simulated``: of backtests on different markets from like accounts.
    strategy
        A strategy of the results, or a list of several, where this process was not given it yet.
    seed
        Of the bootstrap.
    n_jobs, trial_timeout, memory_limit, project, candles
        Of the simulation, as in :func:`~jesse_nb.core.tools.resimulate.rerun.request_again`.
    store
        Where stored runs are looked up, and the simulation is kept.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When there are fewer than two, they share too few days for the weights, or trade in different currencies, or
        weights do not add up to one; in one account also when they trade the same market, or from accounts that differ.
    StrategyError
        When a strategy that is to be simulated is not known to this process, or has changed.

    Examples
    --------
    >>> runs = [jn.backtest(TrendFollower, symbol, "1h", "2023-02-01", "2023-05-01")
    ...         for symbol in ("BTC-USDT", "ETH-USDT")]
    >>> bool(jn.portfolio(runs, "hrp", cost=0.0).allocations.loc["hrp", "costs"] == 0.0)
    True
    """
    named = [] if results is None else named_inputs("results", results, store=store)
    market = next((symbol for pair in named if (symbol := market_symbol(pair.value))), "")
    if market:
        raise InputError.of("results", f"holds {market}, a market.", "A portfolio is of results: buying and holding is "
                            "a backtest, too.")
    if len(named) < 2:
        raise InputError.of("results", f"holds {'one' if named else 'nothing'}.", "A portfolio is of two or more.")
    parts = [result_returns(pair, candles=candles, needed=FEWEST_AT_ALL) for pair in named]
    quotes = list(dict.fromkeys(part.quote for part in parts if part.quote))
    if len(quotes) > 1:
        raise InputError.of("results", f"trade in {' and '.join(quotes)}, which cannot be added up.",
                            "Give results of one quote currency.")
    taken = next((part.name for part in parts if part.name in (*ALLOCATIONS, "given", "costs")), None)
    if taken is not None:
        raise InputError.of("results", f"holds {taken!r}, which is what a part of the report is called.",
                            "Name it otherwise: dict(name=...).")
    given = {} if isinstance(weights, str) else _checked_weights(weights, [part.name for part in parts])
    returns, left_out = aligned(parts, FEWEST_AT_ALL, argument="results")
    enough = len(returns) >= FEWEST_KNOWN + FEWEST_HELD
    if not enough and not given and weights != "equal":
        short = min(parts, key=lambda part: len(part.returns))
        raise InputError.of(
            "results", f"share {len(returns):,} days, and {weights} needs {FEWEST_KNOWN + FEWEST_HELD}: {FEWEST_KNOWN} "
            f"to rest on, {FEWEST_HELD} to be held.",
            f"Equal or given weights need none; or give more days ({short.name} has {len(short.returns):,}).")
    known = min(window, max(FEWEST_KNOWN, len(returns) // 4)) if enough else 0
    fees = [part.fee for part in parts if not math.isnan(part.fee)]
    runs, account = [], None
    if mode == "simulated":
        runs = backtests_of(named)
        account = shared_account(
            [part.name for part in parts], runs, sum(part.balance for part in parts), strategy=strategy,
            project=project, candles=candles, store=store, n_jobs=n_jobs, trial_timeout=trial_timeout,
            memory_limit=memory_limit)
    plan = _Holding(
        tuple(parts), returns, given, "given" if given else weights,  # type: ignore[arg-type]  # checked at the door
        rebalance, window, known, cost if cost is not None else float(np.mean(fees)) if fees else _COST, seed,
        left_out, quotes[0] if quotes else "", tuple(runs), account)
    used = {route.strategy.hash: route.strategy for run in runs for route in run.spec.routes}
    return Plan("portfolio", f"{len(parts)} results ({plan.allocation})", plan.work, tuple(used.values()), background,
                joins=True)


@analyzed_run.register
def _(result: PortfolioResult) -> AnalysisInput:
    names = ", ".join(part.name for part in result.parts)
    origin = f"{result.allocation} weights, of {names}"
    if result.simulated is not None:
        read = analyzed_run(result.simulated.run)
        return read._replace(run=replace(read.run, strategy=result.strategy, origin=f"one account, {origin}"))
    read = from_tables(None, result.equity)
    run = replace(read.run, strategy=result.strategy, origin=origin)
    notes = ("A portfolio has no trades of its own: each account trades by itself.",)
    made_up = ("SYNTHETIC DATA. Its parts were simulated on candles that are made up.",) if result.synthetic else ()
    return AnalysisInput(run, None, (*made_up, *notes))


def _checked_weights(given: Mapping[str, float], names: list[str]) -> dict[str, float]:
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise InputError.of("weights", f"names {shown(unknown)}, which is not in the portfolio.",
                            did_you_mean(unknown, names))
    found = {name: float(given.get(name, 0.0)) for name in names}
    wrong = next((name for name, value in found.items() if not value >= 0.0 or math.isinf(value)), None)
    if wrong is not None:
        raise InputError.of("weights", f"gives {wrong} {found[wrong]:g}.", "Accounts hold money: each weight is zero "
                            "or above.")
    total = sum(found.values())
    if abs(total - 1.0) > 1e-6:
        raise InputError.of("weights", f"add up to {total:.6g}.", "They add up to one.")
    return {name: value / total for name, value in found.items()}


@dataclass(frozen=True)
class _Holding:
    """A portfolio at work: each division by itself, the chosen one first."""

    parts: tuple[ReturnSeries, ...]
    returns: pd.DataFrame
    given: dict[str, float]
    allocation: Allocation | Literal["given"]
    rebalance: str
    window: int
    known: int
    cost: float
    seed: int
    left_out: int
    quote: str
    runs: tuple[BacktestResult, ...]
    account: SharedAccount | None

    def work(self, control: JobControl) -> PortfolioResult:
        tried = list(dict.fromkeys([self.allocation, *(ALLOCATIONS if self.known else ("equal",))]))
        held: dict[str, HeldTogether] = {}
        for number, name in enumerate(tried):
            if control.cancelled and held:
                return self._result(held, "interrupted")
            control.update(phase=name.replace("_", " "), done=number, total=len(tried) + 1)
            held[name] = self._held(name)
            control.partial(partial(self._result, dict(held), "interrupted"))
        control.update(phase="comparing", done=len(tried))
        result = self._result(held, "")
        return result if self.account is None else self._simulated(self.account, result, held[self.allocation], control)

    def _simulated(
        self, account: SharedAccount, result: PortfolioResult, held: HeldTogether, control: JobControl
    ) -> PortfolioResult:
        control.partial(lambda: replace(result, stopped="interrupted"))
        parts = {part.name: run for part, run in zip(self.parts, self.runs, strict=True)}
        together, notes = simulated_together(account, held, self._moved_on(), parts, control)
        return replace(result, simulated=together, notes=(*result.notes, *notes),
                       stopped="" if together is not None else "interrupted")

    def _moved_on(self) -> list[int]:
        return rebalancing_days(pd.DatetimeIndex(self.returns.index)[self.known:], self.rebalance)

    def _held(self, name: str) -> HeldTogether:
        return hold_together(self.returns, self.known, self._moved_on(), self._chooser(name), self.cost)

    def _chooser(self, name: str) -> Callable[[pd.DataFrame], pd.Series[float]]:
        if name == "given":
            return lambda past: pd.Series(self.given)[list(past.columns)]
        return lambda past: allocate(past.iloc[-self.window:], name)  # type: ignore[arg-type]  # one of ALLOCATIONS

    def _result(self, held: dict[str, HeldTogether], stopped: str) -> PortfolioResult:
        chosen, alone = held[self.allocation], self.returns.iloc[self.known:]
        columns: dict[str, pd.Series[float]] = {name: allocation.equity for name, allocation in held.items()}
        columns |= {str(name): _grown(alone[name], chosen.equity.index) for name in alone}
        curves = pd.DataFrame(columns)
        worst = drawdown_statistics(chosen.equity, worst=5).worst
        return PortfolioResult(
            self.parts, self.allocation, self.given, self.rebalance, self.window, self.cost, self.known, self.seed,
            self.left_out, _sample_of(self.parts), self.quote,
            chosen.equity * sum(part.balance for part in self.parts), chosen.weights, chosen.contributions,
            chosen.turnover, curves, allocation_table(held, alone, seed=self.seed),
            division_table(chosen, alone), joint_drawdowns(worst, curves[list(alone)]), self._notes(), stopped)

    def _notes(self) -> tuple[str, ...]:
        notes = list(dict.fromkeys(note for part in self.parts for note in part.notes))
        if self.left_out:
            notes.append(f"{self.left_out:,} days that not all parts have are left out.")
        if not self.known:
            notes.append(f"There are {len(self.returns):,} days: weights of past days were not tried, as they need "
                         f"{FEWEST_KNOWN} to rest on and {FEWEST_HELD} to be held.")
        elif self.known < self.window:
            notes.append(f"The first weights rest on {self.known:,} days, later ones on up to {self.window:,}.")
        still = [str(name) for name in self.returns if not (self.returns[name].iloc[self.known:] != 0).any()]
        if still:
            notes.append(f"On the days that are held {', '.join(still)} did not trade at all.")
        return tuple(notes)


def _grown(returns: pd.Series[float], moments: pd.Index[Any]) -> pd.Series[float]:
    return pd.Series(np.cumprod(np.r_[1.0, 1.0 + returns.to_numpy(dtype=float)]), index=moments)


def _sample_of(parts: tuple[ReturnSeries, ...]) -> Sample:
    known = {part.sample for part in parts}
    return "in-sample" if "in-sample" in known else "out-of-sample" if known == {"out-of-sample"} else "unknown"
