from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from jesse_nb.core.candles import (
    DEMO_EXCHANGE,
    DEMO_SYMBOLS,
    CandleStore,
    demo_candles,
    find_gaps,
    fingerprint_candles,
    install_demo,
    validate_candles,
)
from jesse_nb.core.candles.demo import _normal, _raw
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError

#: Of the default period and seed. Results of others refer to these: never change them.
PINNED = {
    "BTC-USDT": "dc0231e113cb0a24c4ceb1c487bf7d25",
    "ETH-USDT": "abed8a5c9750e037c0ca7d48b075c3b9",
    "SOL-USDT": "4469739be517c5a47fa9b35fe442f9a2",
}


@pytest.fixture(scope="module")
def market() -> dict[str, np.ndarray]:
    return {symbol: demo_candles(symbol) for symbol in DEMO_SYMBOLS}


def hourly_returns(candles: np.ndarray) -> np.ndarray:
    return np.diff(np.log(candles[59::60, 2]))


def test_the_market_is_the_same_everywhere(market: dict[str, np.ndarray]) -> None:
    assert {symbol: fingerprint_candles(candles) for symbol, candles in market.items()} == PINNED


def test_all_symbols_are_made_in_a_few_seconds() -> None:
    started = time.process_time()
    for symbol in DEMO_SYMBOLS:
        demo_candles(symbol)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("symbol", DEMO_SYMBOLS)
def test_it_passes_the_door_and_has_no_gap(market: dict[str, np.ndarray], symbol: str) -> None:
    candles = market[symbol]
    assert np.array_equal(validate_candles(candles), candles)
    assert find_gaps(candles[:, 0]) == ()
    assert len(candles) == 547 * 1_440
    assert np.array_equal(candles[1:, 1], candles[:-1, 2])


def test_a_period_is_a_part_of_the_one_history(market: dict[str, np.ndarray]) -> None:
    part = demo_candles("ETH-USDT", "2023-03-05 10:17", "2023-05-01")
    first = (63 * 24 + 10) * 60 + 17
    assert np.array_equal(part, market["ETH-USDT"][first:first + len(part)])
    longer = demo_candles("SOL-USDT", "2023-01-01", "2024-09-01")
    assert np.array_equal(longer[:len(market["SOL-USDT"])], market["SOL-USDT"])


def test_another_seed_is_another_history() -> None:
    one, two = (demo_candles("BTC-USDT", end="2023-02-01", seed=seed) for seed in (1, 2))
    assert abs(np.corrcoef(hourly_returns(one), hourly_returns(two))[0, 1]) < 0.15


def test_prices_stay_where_such_markets_are(market: dict[str, np.ndarray]) -> None:
    assert 15_000 < market["BTC-USDT"][:, 4].min() < market["BTC-USDT"][:, 3].max() < 80_000
    for symbol, low, high in (("BTC-USDT", 0.40, 0.65), ("ETH-USDT", 0.45, 0.75), ("SOL-USDT", 0.6, 1.1)):
        daily = np.diff(np.log(market[symbol][1439::1440, 2]))
        assert low < daily.std() * np.sqrt(365) < high


@pytest.mark.parametrize("symbol", DEMO_SYMBOLS)
def test_volatility_clusters_and_tails_are_fat(market: dict[str, np.ndarray], symbol: str) -> None:
    hourly = hourly_returns(market[symbol])
    assert stats.kurtosis(hourly) > 1.5
    assert stats.kurtosis(np.diff(np.log(market[symbol][:, 2]))) > 10
    size = np.abs(hourly)
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1
    assert np.corrcoef(size[24 * 7:], size[:-24 * 7])[0, 1] > 0.03
    assert abs(np.corrcoef(hourly[1:], hourly[:-1])[0, 1]) < 0.05


def test_symbols_move_together(market: dict[str, np.ndarray]) -> None:
    correlation = np.corrcoef([hourly_returns(candles) for candles in market.values()])
    assert 0.6 < correlation[0, 1] < 0.95
    assert 0.4 < correlation[0, 2] < 0.9


@pytest.mark.parametrize("symbol", DEMO_SYMBOLS)
def test_hours_weekends_and_volume(market: dict[str, np.ndarray], symbol: str) -> None:
    candles = market[symbol]
    size = np.abs(candles[:, 2] / candles[:, 1] - 1)
    days = size.reshape(-1, 1_440)
    assert days[:, 14 * 60:15 * 60].mean() > 1.4 * days[:, 5 * 60:6 * 60].mean()
    weekday = (np.arange(547) + 6) % 7  # 2023-01-01 was a Sunday
    assert days[weekday >= 5].mean() < 0.85 * days[weekday < 5].mean()
    assert np.corrcoef(size, candles[:, 5])[0, 1] > 0.3
    assert (candles[:, 5] > 0).mean() > 0.99


def test_trends_pay_but_not_absurdly(market: dict[str, np.ndarray]) -> None:
    hourly = market["BTC-USDT"][59::60, 2]
    mean = {length: np.convolve(hourly, np.full(length, 1 / length), "valid") for length in (20, 100)}
    position = np.sign(mean[20][-len(mean[100]):] - mean[100])[:-1]
    gained = position * np.diff(hourly[-len(mean[100]):]) / hourly[-len(mean[100]):-1]
    sharpe = gained.mean() / gained.std() * np.sqrt(365 * 24)
    assert 0.5 < sharpe < 2.0


def test_the_normal_numbers_are_normal() -> None:
    drawn = _normal(_raw(1, 2), 400_000)
    assert abs(drawn.mean()) < 0.01
    assert drawn.std() == pytest.approx(1, abs=0.01)
    assert abs(stats.skew(drawn)) < 0.02
    assert stats.kurtosis(drawn) == pytest.approx(-1.2 / 8, abs=0.03)
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.01


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"symbol": "DOGE-USDT"}, CandlesNotFoundError, "no DOGE-USDT"),
        ({"symbol": "BTC-USTD"}, CandlesNotFoundError, "Did you mean 'BTC-USDT'"),
        ({"symbol": "BTC-USDT", "start": "2022-12-31"}, PeriodError, "2023-01-01 to 2030-01-01"),
        ({"symbol": "BTC-USDT", "end": "2031-01-01"}, PeriodError, "2031-01-01"),
        ({"symbol": "BTC-USDT", "start": "2023-05-01", "end": "2023-05-01"}, PeriodError, "after the start"),
        ({"symbol": "BTC-USDT", "seed": -1}, InputError, "-1"),
        ({"symbol": "BTC-USDT", "seed": True}, InputError, "True"),
        ({"symbol": "BTC-USDT", "seed": "x"}, InputError, "'x'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        demo_candles(**arguments)  # type: ignore[arg-type]


def test_installing_shows_that_it_is_synthetic(isolated_home: object) -> None:
    installed = install_demo(end="2023-01-03")
    assert [info.symbol for info in installed] == list(DEMO_SYMBOLS)
    assert all(info.synthetic and info.exchange == DEMO_EXCHANGE == "Demo (synthetic)" for info in installed)
    assert CandleStore().list() == sorted(installed, key=lambda info: info.symbol)
    assert install_demo(end="2023-01-03") == installed


def test_installing_a_longer_or_another_history() -> None:
    store = CandleStore()
    install_demo(store, ["BTC-USDT"], end="2023-01-03")
    (longer,) = install_demo(store, ["BTC-USDT"], start="2023-01-02", end="2023-01-05")
    assert np.array_equal(store.read(DEMO_EXCHANGE, "BTC-USDT"), demo_candles("BTC-USDT", end="2023-01-05"))
    (other,) = install_demo(store, ["BTC-USDT"], end="2023-01-05", seed=3)
    assert other.fingerprint != longer.fingerprint
    assert np.array_equal(store.read(DEMO_EXCHANGE, "BTC-USDT"),
                          demo_candles("BTC-USDT", end="2023-01-05", seed=3))


def test_an_unknown_symbol_installs_nothing() -> None:
    with pytest.raises(CandlesNotFoundError):
        install_demo(symbols=["BTC-USDT", "DOGE-USDT"], end="2023-01-03")
    assert CandleStore().list() == []
