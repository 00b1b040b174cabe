"""Where one-minute candles live and where they come from."""

from jesse_nb.core.candles.demo import DEMO_EXCHANGE, DEMO_SYMBOLS, demo_candles, install_demo
from jesse_nb.core.candles.gaps import fill_gaps, find_gaps, window
from jesse_nb.core.candles.importers import import_candles, read_source
from jesse_nb.core.candles.mapped import CandleCache
from jesse_nb.core.candles.series import (
    COLUMNS,
    Candles,
    Gap,
    SeriesInfo,
    exchange_name,
    fingerprint_candles,
    symbol_name,
)
from jesse_nb.core.candles.store import CandleStore
from jesse_nb.core.candles.validation import validate_candles

__all__ = [
    "COLUMNS",
    "DEMO_EXCHANGE",
    "DEMO_SYMBOLS",
    "CandleCache",
    "CandleStore",
    "Candles",
    "Gap",
    "SeriesInfo",
    "demo_candles",
    "exchange_name",
    "fill_gaps",
    "find_gaps",
    "fingerprint_candles",
    "import_candles",
    "install_demo",
    "read_source",
    "symbol_name",
    "validate_candles",
    "window",
]
