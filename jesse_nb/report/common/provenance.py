"""What a result is made of: strategy, market, data and versions, as rows for a card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, BacktestSpec
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.mode_words import in_both_modes
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.tables import Table, cell

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import BacktestResult, ResultCard
    from jesse_nb.core.tools.analyze.analysis_result import Analysis, AnalyzedRun
    from jesse_nb.core.tools.batch.batch_result import BatchResult
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["account", "account_and_kind", "analysis_card", "backtest_card", "batch_card", "card_of", "card_of_windows",
           "cpcv_card", "given_hyperparameters", "market", "missing_minutes", "notes_of", "optimize_card",
           "walk_forward_card"]

_MODES = {"fast": "fast (equity sampled one candle after each whole day; in step mode one minute after)",
          "step": "step (equity sampled one minute after each whole day; in fast mode one candle after)"}
_GAPS = {"fill": "filled with flat candles without volume", "keep": "kept: replayed sparsely"}


def market(spec: BacktestSpec) -> str:
    """Name the traded markets: symbol and timeframe each, then the exchange."""
    routes = ", ".join(f"{route.symbol} {route.timeframe}" for route in spec.routes)
    return f"{routes} on {spec.routes[0].exchange}"


def account(held_by: BacktestSpec | BatchResult) -> str:
    """Describe the account in a few words."""
    its = held_by.account
    kind = "spot" if its.market == "spot" else f"futures {its.leverage}x {its.leverage_mode}"
    if its.market == "futures" and its.maintenance_margin != MAINTENANCE_MARGIN:
        kind += f", maintenance margin {its.maintenance_margin * 100:.4g}%"
    return f"{kind}, balance {measure(its.balance, 'currency')}, fee {its.fee * 100:.4g}%"


def account_and_kind(spec: BacktestSpec) -> str:
    """Describe the account; where it is not of the exchange's own kind, that too."""
    exchange = spec.routes[0].exchange
    other = f", not as {exchange} trades" if usual_market(exchange) != spec.account.market else ""
    return account(spec) + other


def given_hyperparameters(spec: BacktestSpec) -> str:
    """Name the hyperparameters that a run was given; empty where all were the strategy's own."""
    return ", ".join(f"{name} = {value}" for name, value in spec.hyperparameters.items())


def missing_minutes(spec: BacktestSpec) -> list[str]:
    """Say in plain text how many minutes have no candle, and what was done about it."""
    missing = sum(part.missing for part in spec.candles)
    done = "filled with flat candles of zero volume" if spec.gaps == "fill" else "left out"
    return [f"{missing:,} minutes without a candle, {done}."] if missing else []


def backtest_card(result: BacktestResult) -> Table:
    """Provenance of a backtest."""
    return _card(result.spec, result.card, [])


def optimize_card(result: OptimizeResult) -> Table:
    """Provenance of an optimization, its held-out run included."""
    extra = [("ranked first", f"trials of at least {result.min_trades:,} trades")] if result.min_trades else []
    if result.parity is not None and not result.parity.reason and len(result.parity.ratios):
        extra += [("best trial in both modes", in_both_modes(result.parity, "sharpe_ratio"))]
    if result.test_start is not None and result.test_end is not None:
        extra += [("held-out period", f"{period(result.test_start, result.test_end)}, end excluded "
                                      f"({days(result.test_start, result.test_end)})")]
        if result.test is not None:
            extra += [(f"held-out candles of {part.symbol}", f"{part.fingerprint}, {_missing(part.missing)}")
                      for part in result.test.spec.candles]
    return _card(result.spec, card_of(result), extra)


def batch_card(result: BatchResult) -> Table:
    """Provenance of a batch: what all its runs share, and each series once."""
    specs = [entry.spec for entry in result.finished if entry.spec is not None]
    routes = {route.strategy.hash: route.strategy.name for spec in specs for route in spec.routes}
    lines = [("strategy", f"{name}, source {key}") for key, name in routes.items()]
    series: dict[tuple[str, str], list[CandleSlice]] = {}
    for part in dict.fromkeys(part for spec in specs for part in spec.candles):
        series.setdefault((part.exchange, part.symbol), []).append(part)
    for (exchange, symbol), parts in series.items():
        prints = ", ".join(part.fingerprint for part in parts[:4]) + (", …" if len(parts) > 4 else "")
        lines.append((f"candles of {symbol}", f"{exchange}, {prints}, {_missing(max(part.missing for part in parts))}"))
    lines += [("warm-up", f"{result.warm_up_candles:,} candles"), ("account", f"{account(result)}, one for each run"),
              ("mode", _MODES.get(result.mode, result.mode)), ("gaps", _GAPS.get(result.gaps, result.gaps))]
    versions = dict(pair for entry in result.finished for pair in entry.versions.items())
    lines += [("versions", ", ".join(f"{package} {version}" for package, version in versions.items()))]
    return Table(("", ""), tuple((cell(name), cell(text)) for name, text in lines), words=2)


def analysis_card(analysis: Analysis) -> Table:
    """Provenance of the run that an analysis read, and how it was analyzed."""
    return run_card(analysis.run, ("analysis", f"{analysis.analysis_type}, seed {analysis.seed}"))


def run_card(run: AnalyzedRun, how: tuple[str, str]) -> Table:
    """Provenance of a run that was read, and how it was."""
    spec = run.spec
    if spec is None:
        rows = (("data", run.origin or "trades and equity given as tables"),
                ("period", f"{period(run.start, run.end)}, end excluded ({days(run.start, run.end)})"), how)
        return Table(("", ""), tuple((cell(name), cell(text)) for name, text in rows), words=2)
    pieced = (run.start, run.end) != (spec.start, spec.end)
    extra = [("candles above", "of the first window's out-of-sample run")] if pieced else []
    if pieced:  # from runs with parameters of their own
        spec = replace(spec, start=run.start, end=run.end, hyperparameters={})
    return _card(spec, run.card, [*extra, how])


def card_of(result: OptimizeResult) -> ResultCard | None:
    """Return the card of any run of an optimization; None when none succeeded."""
    for run in (result.training, result.test, result.default):
        if run is not None:
            return run.card
    return None


def walk_forward_card(result: WalkForwardResult) -> Table:
    """Provenance of a walk-forward; its candles are those of the first window's in-sample period."""
    table = _card(replace(result.spec, start=result.start, end=result.end), card_of_windows(result),
                  [("candles above", "of the first window's in-sample period; every run has its own in its spec")])
    most = max((run.card.missing_minutes for one in result.windows for run in (one.train, one.test) if run is not None),
               default=0)
    missing = f"up to {most:,} in one run, {_GAPS.get(result.spec.gaps, result.spec.gaps)}" if most else "none"
    return table._replace(rows=tuple((row[0], cell(missing)) if row[0].text == "missing minutes" else row
                                     for row in table.rows))


def cpcv_card(result: CpcvResult) -> Table:
    """Provenance of a cross-validation; its candles are those of the first group."""
    return _card(result.spec, result.card, [("candles and missing minutes above", "of the first group that was run")])


def card_of_windows(result: WalkForwardResult) -> ResultCard | None:
    """Return the card of any run of a walk-forward; None when none succeeded."""
    return next((run.card for one in result.windows for run in (one.train, one.test, one.baseline) if run is not None),
                None)


def notes_of(card: ResultCard | None) -> tuple[str, ...]:
    """Return what to know of a run, a sentence each: :attr:`ResultCard.notes`."""
    return () if card is None else card.notes


def _card(spec: BacktestSpec, card: ResultCard | None, extra: list[tuple[str, str]]) -> Table:
    lines = [(f"strategy on {route.symbol} {route.timeframe}",
              f"{route.strategy.name}, source {route.strategy.hash}") for route in spec.routes]
    if spec.hyperparameters:
        lines += [("hyperparameters given", given_hyperparameters(spec))]
    lines += [("data route", f"{route.exchange} {route.symbol} {route.timeframe}")
              for route in spec.data_routes]
    lines += [("period", f"{period(spec.start, spec.end)}, end excluded ({days(spec.start, spec.end)})"),
              ("warm-up", f"{spec.warm_up_candles:,} candles"), ("account", account_and_kind(spec)),
              *((f"funding of {one.symbol}", f"{one}; the trades' profits do not count it")
                for one in spec.funding),
              *([("funding", "not counted")] if spec.account.market == "futures" and not spec.funding else []),
              ("mode", _MODES.get(spec.mode, spec.mode))]
    if spec.pipeline is not None:
        lines += [("candle pipeline", str(spec.pipeline))]
    lines += [(f"candles of {part.symbol}",
               f"{part.exchange}, {part.fingerprint}, {_missing(part.missing)}{_sources(part)}")
              for part in spec.candles]
    if card is not None and not spec.candles:
        lines += [(f"candles of {series}", fingerprint) for series, fingerprint in card.candles.items()]
    missing = card.missing_minutes if card is not None else sum(part.missing for part in spec.candles)
    lines += [("missing minutes", f"{missing:,}, {_GAPS.get(spec.gaps, spec.gaps)}" if missing else "none")]
    lines += [*extra, *(("note", note) for note in notes_of(card))]
    versions = dict(card.versions) if card is not None else {"jesse": spec.jesse_version}
    lines += [("versions", ", ".join(f"{package} {version}" for package, version in versions.items()))]
    return Table(("", ""), tuple((cell(name), cell(text)) for name, text in lines), words=2)


def _sources(part: CandleSlice) -> str:
    return f", from {' and '.join(part.sources)}" if part.sources else ""


def _missing(minutes: int) -> str:
    return f"{minutes:,} minutes missing" if minutes else "no minute missing"
