"""Where one-minute candles live and where they come from."""

from jesse_nb.core.candles.database.database_copy import candles_from_database, candles_to_database
from jesse_nb.core.candles.demo import DEMO_EXCHANGE, DEMO_SYMBOLS, demo_candles, install_demo
from jesse_nb.core.candles.exchanges import Exchange, exchange_names
from jesse_nb.core.candles.exporters import export_candles
from jesse_nb.core.candles.fetching import Fetched, fetch_series
from jesse_nb.core.candles.funding.files import import_funding
from jesse_nb.core.candles.funding.rates import FundingSeries
from jesse_nb.core.candles.gaps import fill_gaps, find_gaps, window
from jesse_nb.core.candles.importing.archives import named_series
from jesse_nb.core.candles.importing.file_markets import files_of_one_market
from jesse_nb.core.candles.importing.frames import read_candles
from jesse_nb.core.candles.importing.import_options import Errors, ImportOptions, OffMinute
from jesse_nb.core.candles.importing.importers import import_candles, import_series, read_series, read_source
from jesse_nb.core.candles.importing.sources import source_files
from jesse_nb.core.candles.mapped import CandleCache
from jesse_nb.core.candles.resampling import minutes_present, resample_candles
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
    "Errors",
    "Exchange",
    "Fetched",
    "FundingSeries",
    "Gap",
    "ImportOptions",
    "OffMinute",
    "SeriesInfo",
    "candles_from_database",
    "candles_to_database",
    "demo_candles",
    "exchange_name",
    "exchange_names",
    "export_candles",
    "fetch_series",
    "files_of_one_market",
    "fill_gaps",
    "find_gaps",
    "fingerprint_candles",
    "import_candles",
    "import_funding",
    "import_series",
    "install_demo",
    "minutes_present",
    "named_series",
    "read_candles",
    "read_series",
    "read_source",
    "resample_candles",
    "source_files",
    "symbol_name",
    "validate_candles",
    "window",
]
