"""The magics of the tools of several markets or results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.exceptions import JesseNbError

from .conftest import run


@pytest.fixture
def here(shell, demo, monkeypatch):
    monkeypatch.setattr("jesse_nb.report.html.fragment", lambda result: "")
    random = np.random.default_rng(0)
    days = pd.date_range("2023-01-01", periods=301, tz="UTC")
    common = random.standard_t(4, 300) * 0.01
    for name, weight in (("one", 1.0), ("other", 0.7)):
        steps = weight * common + 0.006 * random.standard_normal(300) + 0.001
        shell.push({name: pd.Series(1_000 * np.cumprod(np.r_[1.0, 1 + steps]), index=days)})
    return shell


def test_correlation_gives_what_python_gives(here, demo):
    run(here, "%correlation BTC-USDT ETH-USDT -t 4h --method spearman --seed 3 --tail 0.1 -o together")
    same = jn.correlation_matrix(["BTC-USDT", "ETH-USDT"], "4h", "spearman", tail=0.1, seed=3, candles=demo)
    pd.testing.assert_frame_equal(here.user_ns["together"].pairs, same.pairs)
    assert here.user_ns["_"] is here.user_ns["together"]
    run(here, "%correlation_matrix -t 1h --no-cluster -o everything")
    assert list(here.user_ns["everything"].matrix) == ["BTC-USDT", "ETH-USDT"]


def test_correlation_names_what_it_reads_by_its_words(here):
    run(here, "%correlation one other other.iloc[100:] -o together")
    assert set(here.user_ns["together"].matrix) == {"one", "other", "other.iloc[100:]"}


@pytest.mark.parametrize(("line", "said"), [
    ("%correlation one", "inputs holds one."),
    ("%correlation BTC-USDT EHT-USDT", "No candles of EHT-USDT are stored. Did you mean 'ETH-USDT'"),
    ("%correlation one oter", "which cannot be evaluated"),
    ("%correlation one other --tail 5", "--tail is 5."),
    ("%correlation one other --shrinkage ledoit", "--shrinkage is 'ledoit'. Did you mean 'ledoit_wolf'?"),
])
def test_wrong_words(here, line, said):
    with pytest.raises((UsageError, JesseNbError)) as refused:
        run(here, line)
    assert said in str(refused.value)


def test_portfolio_gives_what_python_gives(here):
    run(here, "%portfolio one other --weights one=0.7 other=0.3 --rebalance 1W --cost 0.002 --seed 2 -o held")
    given = {name: here.user_ns[name] for name in ("one", "other")}
    same = jn.portfolio(given, {"one": 0.7, "other": 0.3}, "1W", cost=0.002, seed=2)
    pd.testing.assert_frame_equal(here.user_ns["held"].allocations, same.allocations)
    run(here, "%var held --method historical --no-backtest -o risk")
    assert here.user_ns["risk"].strategy == "Portfolio of 2"
    run(here, "%correlation held one -o together")
    assert here.user_ns["together"].observations == 225
    for line, said in (("%portfolio one", "results holds one."), ("%portfolio one BTC-USDT", "BTC-USDT, a market"),
                       ("%portfolio one other --weights hrpp", "--weights is 'hrpp'.")):
        with pytest.raises((UsageError, JesseNbError)) as refused:
            run(here, line)
        assert said in str(refused.value)


def test_regimes_give_what_python_gives(here, demo):
    run(here, "%regimes one --method hmm --regimes 2 --refit 60 --seed 2 -o regimes")
    same = jn.regime_detector({"one": here.user_ns["one"]}, "markov", 2, 60, seed=2)
    pd.testing.assert_frame_equal(here.user_ns["regimes"].days, same.days)
    run(here, "%regimes BTC-USDT -t 4h --method vol_terciles --refit 42 -o by_candles")
    same = jn.regime_detector("BTC-USDT", "vol_terciles", refit=42, timeframe="4h", candles=demo)
    pd.testing.assert_frame_equal(here.user_ns["by_candles"].performance, same.performance)
    for line, said in (("%regimes one -t 4h", "--timeframe is '4h', and a result has days only."),
                       ("%regimes", "inputs holds nothing."), ("%regimes one other", "inputs holds 2."),
                       ("%regimes one --regimes 7", "--n-regimes is 7."), ("%regimes BTC-USDT", "240 are needed")):
        with pytest.raises((UsageError, JesseNbError)) as refused:
            run(here, line)
        assert said in str(refused.value)


def test_pairs_give_what_python_gives(here, demo):
    run(here, "%pairs -y ETH-USDT -x BTC-USDT -t 1h --start 2023-01-05 --end 2023-02-04 --formation 20 --trading 10 "
              "--alpha 1 --hedge tls -o pair")
    same = jn.pairs_backtest("ETH-USDT", "BTC-USDT", "1h", "2023-01-05", "2023-02-04", 20, 10, alpha=1.0, hedge="tls",
                             candles=demo)
    pd.testing.assert_frame_equal(here.user_ns["pair"].trades, same.trades)
    with pytest.raises((UsageError, JesseNbError)) as refused:
        run(here, "%pairs -y ETH-USDT -x BTC-USDT -t 1h --start 2023-01-05 --end 2023-02-04 --hedge -1")
    assert "--hedge is -1.0. It is 'ols', 'tls', or a ratio above zero" in str(refused.value)
