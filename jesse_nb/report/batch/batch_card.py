"""What a batch is made of: what all its runs share, and each series once."""

from __future__ import annotations

from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.report.common.provenance import GAPS, MODES, account, minutes_missing
from jesse_nb.report.common.tables import Table, cell

__all__ = ["batch_card"]


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
        missing = minutes_missing(max(part.missing for part in parts))
        lines.append((f"candles of {symbol}", f"{exchange}, {prints}, {missing}"))
    lines += [("warm-up", f"{result.warm_up_candles:,} candles"), ("account", f"{account(result)}, one for each run"),
              ("mode", MODES.get(result.mode, result.mode)), ("gaps", GAPS.get(result.gaps, result.gaps))]
    versions = dict(pair for entry in result.finished for pair in entry.versions.items())
    lines += [("versions", ", ".join(f"{package} {version}" for package, version in versions.items()))]
    return Table(("", ""), tuple((cell(name), cell(text)) for name, text in lines), words=2)
