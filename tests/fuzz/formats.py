"""Candles in every known format, read back bit-identically or refused by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random

import numpy as np

from jesse_nb.core.candles import read_series
from jesse_nb.exceptions import JesseNbError
from tests.candles.importing.written_files import drawn_candles, drawn_file


class Campaign:
    """Candles in every known format, with random order, header, delimiter, unit and zone: never one misread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "candles.dat"

    def draw(self, random: Random) -> str:
        """Write candles, read them back."""
        candles = drawn_candles(random)
        written = drawn_file(random, candles)
        self._path.write_bytes(written.content)
        kind, refused = written.what.split(",")[0], ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                reading = read_series(self._path, "BTC-USDT", "Binance Spot", written.options)
        except JesseNbError as error:
            refused = str(error)
        if refused:
            assert not written.must, f"{written.what}: {refused}"
            assert refused.startswith("candles.dat"), refused
            assert "damaged" not in refused, refused
            return f"refused: {kind}"
        assert not written.refused, written.what
        assert np.array_equal(reading.candles, candles), written.what
        return f"read: {kind}"
