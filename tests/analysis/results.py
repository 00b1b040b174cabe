"""Results of known content, seeded, for the tests of analysis and report."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.curves import daily_equity, daily_returns
from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.result import TRADE_COLUMNS, BacktestResult, ResultCard
from jesse_nb.core.simulator.spec import Account, BacktestSpec, Route, StrategyRef
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.study.trial import TopTrial, Trial
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

SPACE = Space.parse(
    {
        "fast": (5, 30),
        "slow": {"min": 31, "max": 400, "log": True},
        "stop": (1.0, 5.0, 0.5),
        "risk": (0.01, 0.1),
        "mode": ["trend", "breakout", "mean"],
    }
)
NO_TRADES = {"total": 0, "win_rate": 0, "net_profit_percentage": 0, "annualization": 365}


def make_spec(
    start: str = "2023-01-01",
    end: str = "2024-01-01",
    name: str = "TrendFollower",
    exchange: str = "Binance Spot",
    symbol: str = "BTC-USDT",
    **options: Any,
) -> BacktestSpec:
    first, last = to_ms(start), to_ms(end)
    strategy = StrategyRef(name, "notebook", "5d41402abc4b2a76b9719d911017c592")
    return BacktestSpec(
        routes=(Route(exchange, symbol, "1h", strategy),),
        start=first,
        end=last,
        account=Account(),
        candles=(CandleSlice(exchange, symbol, first - 10 * DAY_MS, last, "9f86d081884c7d65", missing=80),),
        jesse_version="3.5.3",
        **options,
    )


def make_backtest(
    spec: BacktestSpec | None = None,
    *,
    seed: int = 0,
    drift: float = 0.0012,
    trades: int = 120,
    synthetic: bool = False,
) -> BacktestResult:
    spec = spec or make_spec(exchange="Demo (synthetic)" if synthetic else "Binance Spot")
    random = np.random.default_rng(seed)
    days = pd.date_range(
        pd.Timestamp(spec.start, unit="ms", tz="UTC"), periods=(spec.end - spec.start) // DAY_MS
    )
    card = ResultCard(
        strategies={spec.routes[0].strategy.name: spec.routes[0].strategy.hash},
        candles={f"{part.exchange} {part.symbol}": part.fingerprint for part in spec.candles},
        missing_minutes=80,
        gaps=spec.gaps,
        synthetic=synthetic,
        mode=spec.mode,
        versions={"jesse": "3.5.3", "jesse_nb": "0.1.0", "python": "3.11.9"},
    )
    if not trades:
        flat = pd.Series(spec.account.balance, index=days)
        return BacktestResult(
            spec, dict(NO_TRADES), pd.DataFrame(columns=list(TRADE_COLUMNS)), flat, card, 0.4
        )

    steps = random.standard_t(4, len(days)) * 0.012 + drift
    steps[0] = 0
    equity = pd.Series(spec.account.balance * np.cumprod(1 + steps), index=days)
    opened = days[np.sort(random.integers(0, len(days), trades))] + pd.to_timedelta(
        random.integers(0, 86_000, trades), unit="s"
    )
    held = random.exponential(30_000, trades).round()
    pnl = random.normal(float(equity.iloc[-1] - equity.iloc[0]) / trades, 90, trades)
    table = pd.DataFrame(
        {
            "strategy": spec.routes[0].strategy.name,
            "exchange": spec.routes[0].exchange,
            "symbol": spec.routes[0].symbol,
            "side": np.where(random.random(trades) > 0.4, "long", "short"),
            "opened_at": opened,
            "closed_at": opened + pd.to_timedelta(held, unit="s"),
            "entry_price": random.uniform(20_000, 40_000, trades),
            "exit_price": random.uniform(20_000, 40_000, trades),
            "qty": random.uniform(0.01, 0.4, trades),
            "size": 10_000.0,
            "fee": random.uniform(5, 20, trades),
            "pnl": pnl,
            "pnl_percentage": pnl / 100,
            "holding_period": held,
            "orders": [[]] * trades,
        }
    )[list(TRADE_COLUMNS)]
    return BacktestResult(spec, _metrics(spec, equity, table), table, equity, card, 0.7)


def _metrics(spec: BacktestSpec, equity: pd.Series, table: pd.DataFrame) -> dict[str, Any]:
    returns = equity.pct_change().iloc[1:]
    wins, losses = table["pnl"][table["pnl"] > 0], table["pnl"][table["pnl"] < 0]
    growth = float(equity.iloc[-1] / equity.iloc[0])
    annual = (growth ** (365 / max(len(returns), 1)) - 1) * 100
    worst = float((equity / equity.cummax() - 1).min()) * 100
    scale = math.sqrt(365)
    rate = len(wins) / max(len(wins) + len(losses), 1)
    return {
        "total": len(table),
        "total_winning_trades": len(wins),
        "total_losing_trades": len(losses),
        "starting_balance": spec.account.balance,
        "finishing_balance": float(equity.iloc[-1]),
        "win_rate": rate,
        "win_rate_longs": rate,
        "win_rate_shorts": rate,
        "ratio_avg_win_loss": float(wins.mean() / -losses.mean()) if len(wins) and len(losses) else math.nan,
        "longs_count": int((table["side"] == "long").sum()),
        "longs_percentage": 60.0,
        "shorts_percentage": 40.0,
        "shorts_count": int((table["side"] == "short").sum()),
        "fee": float(table["fee"].sum()),
        "net_profit": float(equity.iloc[-1] - equity.iloc[0]),
        "net_profit_percentage": (growth - 1) * 100,
        "average_win": float(wins.mean()),
        "average_loss": float(-losses.mean()),
        "expectancy": float(table["pnl"].mean()),
        "expectancy_percentage": float(table["pnl"].mean()) / 100,
        "expected_net_profit_every_100_trades": float(table["pnl"].mean()),
        "average_holding_period": float(table["holding_period"].mean()),
        "max_drawdown": worst,
        "max_underwater_period": 61,
        "annual_return": annual,
        "annualization": 365,
        "sharpe_ratio": float(returns.mean() / returns.std() * scale),
        "sortino_ratio": float(returns.mean() / returns[returns < 0].std() * scale),
        "calmar_ratio": annual / -worst if worst else math.nan,
        "omega_ratio": 1.2,
        "serenity_index": 0.8,
        "smart_sharpe": 0.9,
        "smart_sortino": 1.1,
        "total_open_trades": 1,
        "open_pl": -12.5,
        "winning_streak": 6,
        "losing_streak": 4,
        "largest_losing_trade": float(losses.min()),
        "largest_winning_trade": float(wins.max()),
        "current_streak": 1,
        "avg_trades_per_day": 0.33,
        "avg_trades_per_week": 2.3,
        "avg_trades_per_month": 10.0,
    }


def make_optimization(
    n: int = 100,
    *,
    seed: int = 0,
    metric: Any = "sharpe",
    space: Space = SPACE,
    held_out: bool = True,
    failing: int = 3,
    undefined: int = 2,
    top: int = 10,
    synthetic: bool = False,
    spec: BacktestSpec | None = None,
    stopped: str = "",
    notes: tuple[str, ...] = ("80 missing minutes were filled.",),
) -> OptimizeResult:
    """Build an optimization whose first metric depends mostly on the first parameter, then on the third."""
    random = np.random.default_rng(seed)
    metrics = resolve_metrics(metric)
    spec = spec or make_spec(exchange="Demo (synthetic)" if synthetic else "Binance Spot")
    lost = set(random.permutation(n)[:failing].tolist())
    silent = set(random.permutation(n)[:undefined].tolist()) - lost
    trials, returns = [], {}
    for number in range(n):
        params = {dimension.name: _draw(dimension, random) for dimension in space.dimensions}
        if number in lost:
            trials.append(
                Trial(
                    number,
                    params,
                    (math.nan,) * len(metrics),
                    "failed",
                    "StrategyCrashError: ZeroDivisionError in go_long, line 12",
                    {},
                    0.1,
                    False,
                    "k",
                )
            )
            continue
        if number in silent:
            trials.append(
                Trial(
                    number,
                    params,
                    (math.nan,) * len(metrics),
                    "finished",
                    "no trades",
                    dict(NO_TRADES),
                    0.5,
                    False,
                    "k",
                )
            )
            continue
        run = make_backtest(spec, seed=1000 + number, drift=_drift(space, params), synthetic=synthetic)
        values = tuple(one.read(run) for one in metrics)
        returns[number] = daily_returns(run.equity)
        trials.append(
            Trial(number, params, values, "finished", "", run.metrics, 0.7, number % 10 == 0, f"k{number}")
        )
    best = _best(trials, metrics)[:top]
    test_spec = make_spec("2024-01-01", "2024-05-01", spec.routes[0].strategy.name)
    entries = []
    for trial in best:
        test = make_backtest(test_spec, seed=trial.number, drift=0.0006, trades=38, synthetic=synthetic)
        entries.append(
            TopTrial(trial, test, tuple(one.read(test) for one in metrics)) if held_out else TopTrial(trial)
        )
    return OptimizeResult(
        spec=spec,
        test_start=test_spec.start if held_out else None,
        test_end=test_spec.end if held_out else None,
        space=space,
        metrics=metrics,
        sampler="tpe",
        seed=seed,
        trials=tuple(trials),
        n_trials=n,
        top=tuple(entries),
        training=make_backtest(
            spec, seed=1000 + best[0].number, drift=_drift(space, best[0].params), synthetic=synthetic
        )
        if best
        else None,
        default=make_backtest(spec, seed=5, drift=0.0004, synthetic=synthetic) if best else None,
        elapsed=71.3,
        stopped=stopped,
        notes=notes,
        returns=pd.DataFrame(returns).reindex(
            columns=[trial.number for trial in trials if trial.state == "finished"], fill_value=0.0
        ),
        market=daily_equity(make_backtest(spec, seed=7, drift=0.0005).equity),
    )


def _draw(dimension: Any, random: np.random.Generator) -> Any:
    if dimension.kind == "categorical":
        return dimension.choices[int(random.integers(len(dimension.choices)))]
    if dimension.log:
        drawn = math.exp(random.uniform(math.log(dimension.low), math.log(dimension.high)))
        return round(drawn) if dimension.kind == "int" else drawn
    if dimension.step is None:
        return float(random.uniform(dimension.low, dimension.high))
    drawn = dimension.low + dimension.step * int(
        random.integers(0, round((dimension.high - dimension.low) / dimension.step) + 1)
    )
    return int(drawn) if dimension.kind == "int" else float(drawn)


def _drift(space: Space, params: dict[str, Any]) -> float:
    drift = 0.0
    for weight, dimension in zip((0.004, 0.0, 0.0015), space.dimensions, strict=False):
        if dimension.kind != "categorical":
            drift += weight * (params[dimension.name] - dimension.low) / (dimension.high - dimension.low)
    return drift - 0.0015


def _best(trials: list[Trial], metrics: Any) -> list[Trial]:
    scored = [trial for trial in trials if trial.scored]
    signs = [1 if metric.direction == "maximize" else -1 for metric in metrics]
    ranked = sorted(scored, key=lambda trial: -signs[0] * trial.values[0])
    if len(metrics) == 1:
        return ranked
    gains = {trial.number: np.array(trial.values) * signs for trial in ranked}
    return [
        trial
        for trial in ranked
        if not any(
            (gains[other.number] >= gains[trial.number]).all()
            and (gains[other.number] > gains[trial.number]).any()
            for other in ranked
        )
    ]
