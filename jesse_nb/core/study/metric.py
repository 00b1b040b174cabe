"""What is optimized: a number read from a finished backtest, and which way is better."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from jesse_nb.core.jobs.board import Scale
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.exceptions import MetricError, did_you_mean, shown

__all__ = ["Direction", "Metric", "Unit", "metric_names", "resolve_metric", "resolve_metrics"]

Direction = Literal["maximize", "minimize"]
Unit = Literal["percent", "share", "ratio", "fraction", "currency", "count", ""]


@dataclass(frozen=True)
class Metric:
    """A number read from a backtest, and which way is better.

    Attributes
    ----------
    name
        One word, as in the columns of a result.
    direction
        ``maximize`` or ``minimize``.
    label
        What a reader sees.
    unit
        ``percent`` (12.5 is 12.5 %), ``share`` (the same, written without a sign), ``fraction`` (0.125 is 12.5 %),
        ``ratio``, ``currency`` (the quote currency), ``count``, or empty.
    reader
        Takes a `BacktestResult`, returns a finite number, or NaN where the metric is
        undefined for that run; :meth:`read` asks it.

    Examples
    --------
    >>> total = jn.Metric("total", "maximize", "Trades", "count", lambda run: run.metrics["total"])
    >>> study = jn.optimize(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", n_trials=4, metric=total)
    >>> study.best_value == study.training.metrics["total"]
    True
    """

    name: str
    direction: Direction
    label: str
    unit: Unit
    reader: Callable[[BacktestResult], float]

    def __post_init__(self) -> None:
        if self.direction not in ("maximize", "minimize"):
            raise MetricError(f"The direction of the metric {shown(self.name)} is {shown(self.direction)}.",
                              "It is 'maximize' or 'minimize'.")

    def read(self, result: BacktestResult) -> float:
        """Return its value for a run; NaN where it is undefined, as it is for an account that was ruined."""
        return math.nan if result.ruin else self.reader(result)

    @property
    def scale(self) -> Scale:
        """How boards name and order its values."""
        return Scale(self.label, self.unit, self.direction)

    @property
    def key(self) -> str:
        """Jesse's key of the metric; empty for scores and functions."""
        if isinstance(self.reader, _Serenity):
            return "serenity_index"
        return self.reader.key if isinstance(self.reader, _JesseMetric) else ""

    @property
    def of_jesse(self) -> bool:
        """True when Jesse's metrics are all that it reads: not the trades, not the equity."""
        return isinstance(self.reader, _JesseMetric | _JesseScore)


@dataclass(frozen=True)
class _JesseMetric:
    """Reads one of Jesse's metrics in Jesse's own sign and unit.

    A run without trades has hardly any of them. An infinite one (Sortino without a losing day)
    cannot be told from another infinite one, so it is as undefined as a missing one.
    """

    key: str

    def __call__(self, result: BacktestResult) -> float:
        value = result.metrics.get(self.key)
        counted = _RATE_OF.get(self.key)
        if counted is not None and result.metrics.get(counted, 1) == 0:
            return math.nan  # of no trades; Jesse says 0
        return _finite(float(value)) if value is not None else math.nan


#: Rates of one side, and how many trades they are of.
_RATE_OF = {"win_rate_longs": "longs_count", "win_rate_shorts": "shorts_count"}


@dataclass(frozen=True)
class _Serenity:
    """Reads the serenity index, or computes it where Jesse's is infinite.

    In Jesse 3.5 the missing first daily return makes the index infinite or NaN for every run. Its own formula on
    the returns that there are is what it means, see :func:`~jesse_nb.core.study.ratios.equity_ratios`.
    """

    def __call__(self, result: BacktestResult) -> float:
        if "serenity_index" not in result.metrics:
            return math.nan
        value = float(result.metrics["serenity_index"])
        return value if math.isfinite(value) else _finite(equity_ratios(result.equity)["serenity_index"])


@dataclass(frozen=True)
class _JesseScore:
    """Computes the fitness by which Jesse's dashboard ranks trials on the training period.

    ``normalize(ratio, low, high) * min(log10(trades) / log10(optimal_total), 1)``, and 0.0001 for
    five trades or fewer, a negative or an undefined ratio: ``get_fitness`` in Jesse 3.5's
    ``modes/optimize_mode/fitness.py``. An infinite ratio, which Jesse would rank first, is undefined here.
    """

    key: str
    high: float
    low: float = -0.5
    optimal_total: int = 50  # what Jesse's dashboard fills in

    def __call__(self, result: BacktestResult) -> float:
        trades = result.metrics.get("total", 0)
        if trades <= 5:
            return 0.0001
        ratio = result.metrics.get(self.key)
        if ratio is None or math.isnan(ratio) or ratio < 0:
            return 0.0001
        trades_share = min(math.log10(trades) / math.log10(self.optimal_total), 1)
        return _finite(trades_share * ((ratio - self.low) / (self.high - self.low)))


@dataclass(frozen=True)
class _UserMetric:
    """Calls a user's function and checks what it returns."""

    name: str
    function: Callable[[BacktestResult], Any]

    def __call__(self, result: BacktestResult) -> float:
        try:
            value = self.function(result)
        except MetricError:  # of a result that was opened from the record
            raise
        except Exception as error:
            missing = isinstance(error, KeyError)
            raise MetricError(
                f"The metric {shown(self.name)} raised {type(error).__name__}: {_cut(str(error))}.",
                "A run without trades has few metrics: read them with .get()." if missing else "",
            ) from error
        if value is None:
            return math.nan
        try:
            return _finite(float(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise MetricError(f"The metric {shown(self.name)} returned {_cut(repr(value))}.",
                              "It must return a number, or None where it is undefined.") from error


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


#: Jesse's metrics: direction, unit, label. Drawdown, gross loss and the largest losing
#: trade are negative numbers in Jesse, so they are maximized.
_JESSE: dict[str, tuple[Direction, Unit, str]] = {
    "total": ("maximize", "count", "Trades"),
    "total_winning_trades": ("maximize", "count", "Winning trades"),
    "total_losing_trades": ("minimize", "count", "Losing trades"),
    "starting_balance": ("maximize", "currency", "Starting balance"),
    "finishing_balance": ("maximize", "currency", "Finishing balance"),
    "win_rate": ("maximize", "fraction", "Win rate"),
    "win_rate_longs": ("maximize", "fraction", "Win rate of longs"),
    "win_rate_shorts": ("maximize", "fraction", "Win rate of shorts"),
    "ratio_avg_win_loss": ("maximize", "ratio", "Average win / average loss"),
    "longs_count": ("maximize", "count", "Long trades"),
    "longs_percentage": ("maximize", "share", "Share of longs"),
    "shorts_percentage": ("maximize", "share", "Share of shorts"),
    "shorts_count": ("maximize", "count", "Short trades"),
    "fee": ("minimize", "currency", "Fees"),
    "net_profit": ("maximize", "currency", "Net profit in money"),
    "net_profit_percentage": ("maximize", "percent", "Net profit"),
    "slippage": ("minimize", "currency", "Slippage"),
    "net_profit_before_slippage": ("maximize", "currency", "Net profit in money before slippage"),
    "net_profit_percentage_before_slippage": ("maximize", "percent", "Net profit before slippage"),
    "funding": ("minimize", "currency", "Funding paid"),
    "net_profit_before_funding": ("maximize", "currency", "Net profit in money before funding"),
    "net_profit_percentage_before_funding": ("maximize", "percent", "Net profit before funding"),
    "average_win": ("maximize", "currency", "Average win"),
    "average_loss": ("minimize", "currency", "Average loss"),
    "expectancy": ("maximize", "currency", "Expectancy of a trade"),
    "expectancy_percentage": ("maximize", "percent", "Expectancy / start balance"),
    "expected_net_profit_every_100_trades": ("maximize", "percent", "Profit of 100 trades / start balance"),
    "average_holding_period": ("minimize", "", "Average holding period (seconds)"),
    "average_winning_holding_period": ("minimize", "", "Average winning holding period (seconds)"),
    "average_losing_holding_period": ("minimize", "", "Average losing holding period (seconds)"),
    "gross_profit": ("maximize", "currency", "Gross profit"),
    "gross_loss": ("maximize", "currency", "Gross loss"),
    "max_drawdown": ("maximize", "percent", "Max drawdown"),
    "max_underwater_period": ("minimize", "", "Longest time under water (days)"),
    "annual_return": ("maximize", "percent", "Annual return"),
    "annualization": ("maximize", "", "Periods a year"),
    "sharpe_ratio": ("maximize", "ratio", "Sharpe ratio"),
    "calmar_ratio": ("maximize", "ratio", "Calmar ratio"),
    "sortino_ratio": ("maximize", "ratio", "Sortino ratio"),
    "smart_sharpe": ("maximize", "ratio", "Smart Sharpe"),
    "smart_sortino": ("maximize", "ratio", "Smart Sortino"),
    "omega_ratio": ("maximize", "ratio", "Omega ratio"),
    "serenity_index": ("maximize", "ratio", "Serenity index"),
    "total_open_trades": ("minimize", "count", "Open trades at the end"),
    "open_pl": ("maximize", "currency", "Open profit or loss at the end"),
    "winning_streak": ("maximize", "count", "Longest winning streak"),
    "losing_streak": ("minimize", "count", "Longest losing streak"),
    "largest_losing_trade": ("maximize", "currency", "Largest losing trade"),
    "largest_winning_trade": ("maximize", "currency", "Largest winning trade"),
    "current_streak": ("maximize", "count", "Streak at the end"),
    "avg_trades_per_day": ("maximize", "", "Trades a day"),
    "avg_trades_per_week": ("maximize", "", "Trades a week"),
    "avg_trades_per_month": ("maximize", "", "Trades a month"),
}

_SHORT_NAMES = {
    "profit": "net_profit_percentage", "sharpe": "sharpe_ratio", "calmar": "calmar_ratio",
    "sortino": "sortino_ratio", "omega": "omega_ratio", "serenity": "serenity_index",
    "drawdown": "max_drawdown", "trades": "total",
}

#: Jesse's objective functions: metric and the upper end of its normalization.
_SCORES = {
    "sharpe": ("sharpe_ratio", 5.0), "calmar": ("calmar_ratio", 30.0), "sortino": ("sortino_ratio", 15.0),
    "omega": ("omega_ratio", 5.0), "serenity": ("serenity_index", 15.0),
    "smart_sharpe": ("smart_sharpe", 5.0), "smart_sortino": ("smart_sortino", 15.0),
}


def _known_metrics() -> dict[str, Metric]:
    named = {key: Metric(key, direction, label, unit, _Serenity() if key == "serenity_index" else _JesseMetric(key))
             for key, (direction, unit, label) in _JESSE.items()}
    for short, key in _SHORT_NAMES.items():
        named[short] = named[key] = replace(named[key], name=short)
    for objective, (key, high) in _SCORES.items():
        name = f"jesse_score_{objective}"
        named[name] = Metric(name, "maximize", f"Jesse score ({objective.replace('_', ' ')})", "",
                             _JesseScore(key, high))
    named["jesse_score"] = replace(named["jesse_score_sharpe"], name="jesse_score", label="Jesse score")
    return named


_KNOWN = _known_metrics()


def metric_names() -> list[str]:
    """Return every name that a metric can be chosen by, the common ones first."""
    common = ["sharpe", "calmar", "sortino", "omega", "serenity", "smart_sharpe", "smart_sortino", "profit",
              "win_rate", "max_drawdown", "jesse_score"]
    return common + sorted(set(_KNOWN) - set(common))


def resolve_metric(metric: Any) -> Metric:
    """Return the metric that a user means.

    Parameters
    ----------
    metric
        A name (case, spaces, dashes and underscores do not matter): ``profit``, ``sharpe``,
        ``calmar``, ``sortino``, ``omega``, ``win rate``, ``max drawdown``, ``serenity``,
        ``smart sharpe``, ``smart sortino``, any of Jesse's metric keys, ``jesse score`` (the
        fitness of Jesse's dashboard, by Sharpe) or ``jesse score calmar`` and the like; or a
        callable that takes a `BacktestResult` and returns a number; or a pair of one of
        these and ``'maximize'`` or ``'minimize'``; or a `Metric`.

    Raises
    ------
    MetricError
        When nothing is known by that name.
    """
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, tuple) and len(metric) == 2:
        return replace(resolve_metric(metric[0]), direction=metric[1])
    if isinstance(metric, str):
        name = re.sub(r"[\s_-]+", "_", metric.strip()).casefold()
        if name not in _KNOWN:
            raise MetricError(f"No metric is called {shown(metric)}.", did_you_mean(name, metric_names()))
        return _KNOWN[name]
    if callable(metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        name = "custom" if name == "<lambda>" else name
        return Metric(name, "maximize", name.replace("_", " "), "", _UserMetric(name, metric))
    raise MetricError(f"A metric cannot be {shown(metric)}.",
                      "Give a name such as 'sharpe', or a function that takes the result.")


def resolve_metrics(metrics: Any) -> tuple[Metric, ...]:
    """Return the metrics that a user means: one, or a list of several.

    Raises
    ------
    MetricError
        When the list is empty, or names a metric twice.
    """
    several = isinstance(metrics, list) or (
        isinstance(metrics, tuple) and not (len(metrics) == 2 and metrics[1] in ("maximize", "minimize"))
    )
    resolved: list[Metric] = []
    for metric in map(resolve_metric, metrics if several else [metrics]):
        taken = [other.name for other in resolved]
        if metric.name == "custom" and "custom" in taken:  # functions without a name are told apart by number
            metric = replace(metric, name=f"custom_{len(resolved) + 1}", label=f"custom {len(resolved) + 1}")
        if metric.name in taken:
            raise MetricError(f"The metric {shown(metric.name)} is in the list twice.")
        resolved.append(metric)
    if not resolved:
        raise MetricError("No metric is given.", "Give one, such as 'sharpe'.")
    return tuple(resolved)
