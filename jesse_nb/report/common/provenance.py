"""What a result is made of: strategy, market, data and versions, as rows for a card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jesse_nb.core.candles.exchange_market import usual_market
from jesse_nb.core.simulator.fees import fee_words
from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, BacktestSpec
from jesse_nb.report.common.labels import days, period
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.common.tables import Table, cell

if TYPE_CHECKING:
    from jesse_nb.core.simulator.result import ResultCard
    from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
    from jesse_nb.core.tools.batch.batch_result import BatchResult

__all__ = ["GAPS", "MODES", "account", "account_and_kind", "given_hyperparameters",
           "hyperparameters", "market", "minutes_missing",
           "missing_minutes", "notes_of", "run_card", "spec_card"]

#: What to know of the mode that a run was made in.
MODES = {"fast": "fast (equity sampled one candle after each whole day; in step mode one minute after)",
          "step": "step (equity sampled one minute after each whole day; in fast mode one candle after)"}
#: What was done about minutes without a candle.
GAPS = {"fill": "filled with flat candles without volume", "keep": "kept: replayed sparsely"}


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
    slipped = f", slippage {its.slippage_bps:g} basis points" if its.slippage_bps else ""
    return f"{kind}, balance {measure(its.balance, 'currency')}, fee {fee_words(its.fee)}{slipped}"


def account_and_kind(spec: BacktestSpec) -> str:
    """Describe the account; where it is not of the exchange's own kind, that too."""
    exchange = spec.routes[0].exchange
    other = f", not as {exchange} trades" if usual_market(exchange) != spec.account.market else ""
    return account(spec) + other


def given_hyperparameters(spec: BacktestSpec) -> str:
    """Name the hyperparameters that a run was given; empty where all were the strategy's own."""
    return ", ".join(f"{name} = {value}" for name, value in spec.hyperparameters.items())


def hyperparameters(spec: BacktestSpec, card: ResultCard | None) -> str:
    """Name the hyperparameters that a run used; what it was not given is marked as the strategy's default."""
    defaults = {} if card is None else card.defaults
    own = ", ".join(f"{name} = {value} (default)" for name, value in defaults.items())
    return ", ".join(filter(None, (given_hyperparameters(spec), own)))


def missing_minutes(spec: BacktestSpec) -> list[str]:
    """Say in plain text how many minutes have no candle, and what was done about it."""
    missing = sum(part.missing for part in spec.candles)
    done = "filled with flat candles of zero volume" if spec.gaps == "fill" else "left out"
    return [f"{missing:,} minutes without a candle, {done}."] if missing else []


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
    return spec_card(spec, run.card, *extra, how)


def notes_of(card: ResultCard | None) -> tuple[str, ...]:
    """Return what to know of a run, a sentence each: :attr:`ResultCard.notes`."""
    return () if card is None else card.notes


def spec_card(spec: BacktestSpec, card: ResultCard | None, *extra: tuple[str, str]) -> Table:
    """Provenance of what was run by a spec, and rows that only its kind of result has."""
    lines = [(f"strategy on {route.symbol} {route.timeframe}",
              f"{route.strategy.name}, source {route.strategy.hash}") for route in spec.routes]
    if used := hyperparameters(spec, card):
        lines += [("hyperparameters", used)]
    lines += [("data route", f"{route.exchange} {route.symbol} {route.timeframe}")
              for route in spec.data_routes]
    lines += [("period", f"{period(spec.start, spec.end)}, end excluded ({days(spec.start, spec.end)})"),
              ("warm-up", f"{spec.warm_up_candles:,} candles"), ("account", account_and_kind(spec)),
              *((f"funding of {series.symbol}", f"{series}; the trades' profits do not count it")
                for series in spec.funding),
              *([("funding", "not counted")] if spec.account.market == "futures" and not spec.funding else []),
              ("mode", MODES.get(spec.mode, spec.mode))]
    if spec.pipeline is not None:
        lines += [("candle pipeline", str(spec.pipeline))]
    lines += [(f"candles of {part.symbol}",
               f"{part.exchange}, {part.fingerprint}, {minutes_missing(part.missing)}{_sources(part)}")
              for part in spec.candles]
    if card is not None and not spec.candles:
        lines += [(f"candles of {series}", fingerprint) for series, fingerprint in card.candles.items()]
    missing = card.missing_minutes if card is not None else sum(part.missing for part in spec.candles)
    lines += [("missing minutes", f"{missing:,}, {GAPS.get(spec.gaps, spec.gaps)}" if missing else "none")]
    lines += [*extra, *(("note", note) for note in notes_of(card))]
    versions = dict(card.versions) if card is not None else {"jesse": spec.jesse_version}
    lines += [("versions", ", ".join(f"{package} {version}" for package, version in versions.items()))]
    return Table(("", ""), tuple((cell(name), cell(text)) for name, text in lines), words=2)


def _sources(part: CandleSlice) -> str:
    return f", from {' and '.join(part.sources)}" if part.sources else ""


def minutes_missing(minutes: int) -> str:
    """Say how many minutes of a series have no candle."""
    return f"{minutes:,} minutes missing" if minutes else "no minute missing"
