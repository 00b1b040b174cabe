"""A check as text, as HTML and as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import jesse_nb.report  # noqa: F401
from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.tools.candles.check_candles import check_candles
from tests.candles.helpers import random_candles


def test_the_text_names_what_was_found_and_what_it_means() -> None:
    candles = np.delete(random_candles(3 * 1_440), np.r_[2_000:2_090], axis=0)
    candles[700:770, 5] = 0
    CandleStore().write("Binance <Spot>".replace("<", "(").replace(">", ")"), "BTC-USDT", candles)
    lines = str(check_candles("BTC-USDT")).splitlines()
    assert lines[:4] == [
        "Candles of BTC-USDT on Binance (Spot)",
        "2023-01-01 to 2023-01-04",
        "4,230 of 4,320 minutes have a candle (2.08% missing); 70 of these are without volume. Found: gap",
        "1, no volume 1.",
    ]
    assert any(line.startswith("  gap        2023-01-02 09:20  90 minutes missing, the price ") for line in lines)
    assert "  no volume  2023-01-01 11:40  70 minutes without a trade" in lines
    assert any("would not have been filled" in line for line in lines)


def test_nothing_found_and_generated_candles(tmp_path: Path) -> None:
    install_demo(None, ["BTC-USDT"], "2023-01-01", "2023-01-03")
    check = check_candles("BTC-USDT")
    assert "Nothing suspicious was found." in str(check)
    assert "SYNTHETIC DATA" in str(check)
    page = check.to_html(tmp_path / "check.html").read_text()
    assert "SYNTHETIC DATA" in page
    assert "<title>Candles of BTC-USDT on Demo (synthetic)" in page
    assert "Findings" not in page


def test_many_findings_are_cut_and_all_are_drawn() -> None:
    candles = np.delete(random_candles(3 * 1_440), np.arange(10, 4_000, 100), axis=0)
    candles[50:200, 5] = 0
    CandleStore().write("X", "BTC-USDT", candles)
    check = check_candles("BTC-USDT", quiet_minutes=50)
    html = check._repr_mimebundle_()["text/html"]
    assert html.count("<tr>") - html.count("<thead>") <= 16
    assert f"{len(check.findings) - 15} more" in html
    [axis] = check.plot("coverage").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["with volume", "without volume", "missing"]
    areas = {patch.get_label(): patch.get_data() for patch in axis.patches}
    missing = areas["missing"].values - areas["missing"].baseline
    assert np.allclose(missing, check.coverage["missing"] / 1_440 * 100)
