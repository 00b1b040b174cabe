from __future__ import annotations

import pytest

from .conftest import STRATEGY, run


def complete(shell, line):
    with pytest.warns(None):  # IPython calls its own completion provisional
        found = list(shell.Completer.completions(line, len(line)))
    return [line[: each.start] + each.text for each in found]


@pytest.fixture
def offered(shell, demo):
    def offered(line):
        start = line[: len(line) - len(line.split(" ")[-1])]
        return [whole[len(start) :] for whole in complete(shell, line)]

    return offered


def test_flags(offered):
    assert offered("%%optimize --tr") == ["--trials", "--trial-timeout"]
    assert offered("%optimize --trials 3 --tr") == ["--trial-timeout"]
    assert offered("%candles --re") == ["--replace"]
    assert offered("%%walk_forward --s") == ["--step-forward", "--show-windows", "--split", "--space", "--sampler",
                                             "--seed", "--symbol", "--start", "--source",
                                             "--slippage-bps", "--store"]


def test_values(offered):
    assert offered("%%optimize -s BT") == ["BTC-USDT"]
    assert offered("%%optimize -t 1 --symbol e") == ["ETH-USDT"]
    assert offered("%optimize Crossing -t 4h") == ["4h"]
    assert offered("%optimize --metric calmar shar")[0] == "sharpe"
    assert offered("%optimize --sampler nsg") == ["nsga2"]
    assert offered("x = %optimize --exchange De") == ['"Demo (synthetic)"']
    assert offered("%backtest --market s") == ["spot"]
    assert offered("%walk_forward --split c") == ["cpcv"]
    assert offered("%backtest --leverage-mode i") == ["isolated"]
    assert offered("%backtest --data-routes ETH") == ["ETH-USDT"]
    assert offered("%backtest --data-routes ETH-USDT:2") == ["ETH-USDT:2h"]


def test_symbols_of_the_exchange_on_the_line(offered, demo, monkeypatch, tmp_path):
    from jesse_nb.core.candles import CandleStore

    store = CandleStore(tmp_path / "two")
    rows = demo.read("Demo (synthetic)", "BTC-USDT")[:60]
    store.write("Demo (synthetic)", "BTC-USDT", rows)
    store.write("Elsewhere", "BNB-USDT", rows)
    monkeypatch.setenv("JESSE_NB_CANDLES", str(store.root))
    assert offered("%backtest -s B") == ["BNB-USDT", "BTC-USDT"]
    assert offered("%backtest --exchange Elsewhere -s B") == ["BNB-USDT"]


def test_a_number_of_jobs_may_be_a_cluster(offered):
    assert offered("%optimize --jobs r") == ["ray", "ray://"]
    assert offered("%backtest_batch -j ") == ["ray", "ray://"]


def test_first_words(shell, offered):
    run(shell, "from jesse_nb import Strategy\n" + STRATEGY)
    assert offered("%%optimize Cro") == ["Crossing"]
    assert offered("%%walk_forward Cro") == ["Crossing"]
    assert offered("%candles im") == ["import"]
    assert offered("%candles delete BT") == ["BTC-USDT"]
    assert offered("%jobs ca") == ["cancel"]


def test_nothing_of_ours_elsewhere(shell, offered):
    assert "print" in offered("pri")
    assert offered("%%timeit --tr") == []
    assert offered("%optimize --nothing-like-this") == []


def test_a_broken_store_does_not_disturb(offered, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JESSE_NB_CANDLES", str(tmp_path / "file"))
    assert offered("%%optimize -s ZZZ") == []
