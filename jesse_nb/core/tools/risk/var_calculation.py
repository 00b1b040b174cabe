"""Value at risk: what a bad day or week costs, how sure that is, and whether such forecasts would have held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.risk.rolling_forecasts import Forecasts, rolling_forecasts
from jesse_nb.core.analysis.risk.value_at_risk import METHODS, VarMethod, tail_losses
from jesse_nb.core.analysis.risk.var_tests import TrafficLight, forecast_tests
from jesse_nb.core.analysis.risk.volatility import VolatilityModel
from jesse_nb.core.analysis.risk.volatility_clusters import volatility_clusters
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun, OfOneRun
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import VAR_CALCULATION
from jesse_nb.core.tools.risk.risk_input import Basis, Sample, returns_of, risk_input
from jesse_nb.exceptions import InputError

__all__ = ["ValueAtRisk", "var_calculation"]

#: The order in which a headline takes a method that has a figure: what happened before what is assumed.
_HEADLINE = ("historical", "monte_carlo", "t", "cornish_fisher", "normal", "fhs")

#: Fewer forecast days than this are not tested.
FEWEST_TESTED = 20

#: Days that forecasts look back without another number, at most and at least.
_WINDOW, _SHORTEST = 365, 60

#: Sizes of returns that follow each other with a p-value below this, for so many days, make the intervals too narrow.
_CLUSTERED, _LONG = 0.01, 10.0

#: From this share of days without a move on, most quantiles are of days on which nothing could happen.
_MOST_IDLE = 0.2


@dataclass(frozen=True, repr=False)
class ValueAtRisk(OfOneRun):
    """What a bad day or week costs.

    Attributes
    ----------
    run
        What was read.
    sample
        Whether the parameters had seen its days: ``out-of-sample``, ``in-sample`` or ``unknown``.
    basis
        ``equity`` (all days) or ``open_position`` (those on which a position was open).
    days
        How many days that are.
    equity_now
        The account at the run's end, in the quote currency: what the figures in money are of.
    methods, confidence_levels, time_horizons, vol_model, window, seed
        As asked for.
    table
        Index ``method``, ``confidence``, ``horizon`` (days). Columns ``var``, ``es`` in percent of the equity, a loss
        above zero, each with its 95 % interval ``_low``, ``_high``; ``var_money``, ``es_money`` in the quote currency;
        ``observations`` and ``reason``. See :func:`~jesse_nb.core.analysis.risk.value_at_risk.tail_losses`.
    forecasts
        Index ``method``, ``confidence``, ``day``. Each day's ``var`` and ``es`` as forecast the evening before, the
        ``return`` that came (all percent), and whether it ``exceeded`` the value at risk.
    tests
        Index ``method``, ``confidence``, ``test``. See
        :func:`~jesse_nb.core.analysis.risk.var_tests.forecast_tests`.
    lights
        Index ``method``, ``confidence``: the traffic light's ``zone``, ``exceedances``, ``probability``, ``reason``.
    untested
        Why no forecast was tested; empty otherwise.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> risk = jn.var_calculation(result, 0.95, 1, "normal")
    >>> bool(risk.table.loc[("normal", 0.95, 1), "var"] > 0)
    True
    """

    run: AnalyzedRun
    sample: Sample
    basis: Basis
    days: int
    equity_now: float
    methods: tuple[VarMethod, ...]
    confidence_levels: tuple[float, ...]
    time_horizons: tuple[int, ...]
    vol_model: VolatilityModel
    window: int
    seed: int
    table: pd.DataFrame
    forecasts: pd.DataFrame
    tests: pd.DataFrame
    lights: pd.DataFrame
    untested: str = ""
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    def headline(self, level: float) -> Any:
        """Return the table's row of the first method that has a figure at a confidence level; None where none has.

        It is that over the shortest horizon.
        """
        table: Any = self.table
        keys = ((method, level, self.time_horizons[0]) for method in _HEADLINE)
        return next((table.loc[key] for key in keys if key in table.index and not table.loc[key, "reason"]), None)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of losses."""
        return self.table.copy()


@planned
@declared(VAR_CALCULATION)
def var_calculation(
    result: Any = None,
    confidence_levels: Sequence[float] = (0.95, 0.975, 0.99),
    time_horizons: Sequence[int] = (1, 5, 10),
    method: str | Iterable[str] | None = None,
    vol_model: Literal["garch", "gjr", "ewma"] = "garch",
    window: int | None = None,
    *,
    backtest: bool = True,
    basis: Literal["equity", "open_position"] = "equity",
    trades: pd.DataFrame | None = None,
    equity: pd.Series[float] | None = None,
    seed: int = 0,
    background: bool = False,
) -> Plan[ValueAtRisk]:
    """Compute value at risk and expected shortfall of a result, and test how well they can be forecast.

    Where data is too thin for a figure, the reason stands in its place. Nothing is simulated by Jesse.

    Parameters
    ----------
    result
        What backtest, optimize, walk_forward or backtest_batch returned, or a portfolio of a batch. Of an optimization
        the held-out run is read, of a walk-forward the stitched out-of-sample curve, of a batch the best combination.
    confidence_levels
        Above zero, below one: 0.99 is the loss that one day in a hundred exceeds.
    time_horizons
        Days ahead.
    method
        One or several of ``historical``, ``normal``, ``t``, ``cornish_fisher``, ``monte_carlo``, ``fhs`` (filtered
        historical simulation); all without it.
    vol_model
        Of ``fhs``.
    window
        Days that each rolling forecast looks back; without it two thirds of the days, 60 to 365, so that some are left
        to be forecast.
    backtest
        Whether to forecast each day from the days before it, and test the forecasts.
    basis
        ``equity``, all days, or ``open_position``, the days on which a position was open.
    trades, equity
        In place of a result, as in :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`.
    seed
        Of all that is drawn.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When there is nothing to measure, or an argument is wrong.
    JobInterruptedError
        When a blocking call is interrupted; its ``job`` has the methods that were ready.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> jn.var_calculation(result, method="normal", time_horizons=[1, 5]).time_horizons
    (1, 5)
    """
    given = risk_input(result, trades, equity)
    returns = returns_of(given, basis)
    if max(time_horizons) > len(returns) // 2:
        raise InputError.of("time_horizons", f"holds {max(time_horizons):,}, and there are {len(returns):,} days.",
                            f"A horizon is at most half of them, {len(returns) // 2:,}.")
    looks_back = window or _window(len(returns))
    chosen = tuple(dict.fromkeys([method] if isinstance(method, str) else method or METHODS))
    idle = float((returns == 0.0).mean())
    notes = list(given.notes)
    if idle > _MOST_IDLE:
        notes.append(f"On {idle * 100:.0f} % of these days the account did not move at all, which makes its tail look "
                     "milder than that of a day with a position: basis='open_position' takes those days alone."
                     if basis == "equity" else f"On {idle * 100:.0f} % of these days the account did not move at all.")
    notes += _too_narrow(returns) if set(chosen) - {"fhs"} else []
    empty = ValueAtRisk(
        run=given.run, sample=given.sample, basis=basis, days=len(returns),
        equity_now=float(given.run.equity.iloc[-1]), methods=chosen,  # type: ignore[arg-type]  # checked at the door
        confidence_levels=tuple(dict.fromkeys(confidence_levels)),
        time_horizons=tuple(sorted(set(time_horizons))), vol_model=vol_model, window=looks_back, seed=seed,
        table=pd.DataFrame(), forecasts=pd.DataFrame(), tests=pd.DataFrame(), lights=pd.DataFrame(),
        untested=_why_untested(len(returns), looks_back, asked=backtest), notes=tuple(notes),
    )
    return Plan("var_calculation", f"{given.run.strategy} (value at risk)",
                lambda control: _work(empty, returns, control), background=background, joins=True)


def _window(days: int) -> int:
    return min(max(days * 2 // 3, _SHORTEST), _WINDOW)


def _too_narrow(returns: pd.Series[float]) -> list[str]:
    """Say where the intervals take the days for more than they are: they resample blocks, which cut long clusters."""
    found = volatility_clusters(returns.to_numpy(dtype=float))
    if found.p >= _CLUSTERED or found.half_life < _LONG:
        return []
    lasts = f" (half of a change in it is left after {found.half_life:,.0f} days)" if math.isfinite(found.half_life) \
        else ""
    return [f"Volatility stays high or low for long{lasts}, so {len(returns):,} days hold few such stretches and the "
            "intervals of all methods but the filtered one are too narrow: of simulated returns like these, those that "
            "say 95 % held the truth in less than half of the cases."]


def _why_untested(days: int, window: int, *, asked: bool) -> str:
    if not asked:
        return "it was not asked for"
    if days - window >= FEWEST_TESTED:
        return ""
    usable = _window(days)
    other = f": window={usable} would leave {days - usable:,}" if days - usable >= FEWEST_TESTED else ""
    return (f"a window of {window:,} days leaves {max(days - window, 0):,} of {days:,} days to forecast, and "
            f"{FEWEST_TESTED} are needed{other}")


def _work(empty: ValueAtRisk, returns: pd.Series[float], control: JobControl) -> ValueAtRisk:
    parts: dict[str, list[pd.DataFrame]] = {"table": [], "forecasts": [], "tests": [], "lights": []}
    notes: list[str] = []

    def so_far(stopped: str = "") -> ValueAtRisk:
        frames: Any = {name: pd.concat(several) if several else pd.DataFrame() for name, several in parts.items()}
        return replace(empty, **frames, notes=(*empty.notes, *notes), stopped=stopped)

    control.partial(lambda: so_far("interrupted"))
    for number, method in enumerate(empty.methods):
        if control.cancelled:
            return so_far("interrupted")
        control.update(phase=method.replace("_", " "), done=number, total=len(empty.methods))
        parts["table"].append(_table(empty, returns, method))
        if not empty.untested and method != "monte_carlo" and not control.cancelled:
            rolled = rolling_forecasts(returns, method, confidence_levels=empty.confidence_levels,
                                       window=empty.window, vol_model=empty.vol_model)
            tests, lights = forecast_tests(rolled, empty.seed)
            notes += [f"{method}: {note}." for note in rolled.notes]
            parts["forecasts"].append(_forecasts(rolled))
            parts["tests"].append(pd.concat({method: tests}, names=["method"]))
            parts["lights"].append(_lights(method, lights))
    return so_far("interrupted" if control.cancelled else "")


def _table(asked: ValueAtRisk, returns: pd.Series[float], method: VarMethod) -> pd.DataFrame:
    table = tail_losses(returns, [method], confidence_levels=asked.confidence_levels, horizons=asked.time_horizons,
                        vol_model=asked.vol_model, seed=asked.seed)
    for name in ("var", "es"):
        after = list(table.columns).index(f"{name}_high") + 1
        table.insert(after, f"{name}_money", table[name] / 100.0 * asked.equity_now)
    return table


def _forecasts(rolled: Forecasts) -> pd.DataFrame:
    frames = {(rolled.method, level): pd.DataFrame({
        "var": rolled.var[:, place] * 100.0, "es": rolled.es[:, place] * 100.0, "return": rolled.returns * 100.0,
        "exceeded": rolled.returns < -rolled.var[:, place],
    }, index=rolled.days) for place, level in enumerate(rolled.levels)}
    return pd.concat(frames, names=["method", "confidence", "day"])


def _lights(method: VarMethod, lights: dict[float, TrafficLight]) -> pd.DataFrame:
    frame = pd.DataFrame(lights.values(), columns=list(TrafficLight._fields))
    frame.index = pd.MultiIndex.from_tuples([(method, level) for level in lights], names=["method", "confidence"])
    frame["probability"] = np.where(frame["reason"] == "", frame["probability"], math.nan)
    return frame
