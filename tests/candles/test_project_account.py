"""The account of a Jesse project's dashboard, which Jesse itself stored in a real PostgreSQL."""

from __future__ import annotations

import json

import pytest

import jesse_nb as jn
from jesse_nb.cli import main
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.project_account import with_project_account
from jesse_nb.exceptions import DatabaseError, InputError
from tests.candles.helpers import random_candles
from tests.candles.jesse_database import PASSWORD
from tests.magics.conftest import notebook, run, shell  # noqa: F401 - fixtures
from tests.strategies import TREND

PERPETUAL, SPOT = "Binance Perpetual Futures", "Binance Spot"
EXCHANGES = {
    PERPETUAL: {"name": PERPETUAL, "fee": 0.0004, "type": "futures", "balance": 25_000, "futures_leverage": 3,
                "futures_leverage_mode": "isolated"},
    SPOT: {"name": SPOT, "fee": "0.00075", "simulation_model": "spot", "balance": "5000"},
    "Bybit Spot": {"name": "Bybit Spot", "fee": 0.5, "type": "spot", "balance": 1},
    "Gate Spot": {"name": "Gate Spot", "type": "spot", "balance": 1},
    "Coinbase Spot": {"fee": 0, "balance": 1, "type": "spot", "simulation_model": "perpetual_futures"},
}
SECRET = "bot-token-91"
SETTINGS = {"backtest": {"warm_up_candles": 210, "logging": {}, "exchanges": EXCHANGES}, "optimization": {},
            "live": {"exchanges": {}, "notifications": {"telegram": SECRET}}}


@pytest.fixture(scope="module")
def project(jesse_database, tmp_path_factory):
    """A project whose settings Jesse stored; a test that changes them puts them back."""
    with jesse_database.copy(tmp_path_factory.mktemp("settings") / "project") as database:
        database.jesse_stores_settings(SETTINGS)
        yield database


def test_what_the_dashboard_says(project):
    assert jn.project_account("binance perpetual futures", project.folder) == {
        "balance": 25_000.0, "fee": 0.0004, "market": "futures", "leverage": 3, "leverage_mode": "isolated"}
    assert jn.project_account(SPOT, project.folder) == {
        "balance": 5_000.0, "fee": 0.00075, "market": "spot", "leverage": 1, "leverage_mode": "cross"}
    for exchange, said in (("Bybit Spot", "fee is 0.5, not a fraction"), ("Gate Spot", "'fee' is missing"),
                           ("Coinbase Spot", "Conflicting"), ("Binance Spat", "Did you mean 'Binance Spot'")):
        with pytest.raises(InputError, match=said) as raised:
            jn.project_account(exchange, project.folder)
        assert "\n" not in str(raised.value)


def test_settings_that_were_stored_wrong(project):
    try:
        # Jesse has stored settings one level too deep, and reads them still.
        project.run("UPDATE option SET json = %s", json.dumps({"data": SETTINGS}))
        assert jn.project_account(SPOT, project.folder)["fee"] == 0.00075
        project.run("UPDATE option SET json = '{broken'")
        with pytest.raises(DatabaseError, match="invalid input syntax for type json") as raised:
            jn.project_account(SPOT, project.folder)
        assert PASSWORD not in str(raised.value)
    finally:
        project.run("UPDATE option SET json = %s", json.dumps(SETTINGS))


def test_what_is_given_wins(project):
    given = {"symbol": "BTC-USDT", "exchange": PERPETUAL, "project": project.folder, "fee": 0.001}
    arguments, said = with_project_account(given)
    assert arguments == {**given, "balance": 25_000.0, "market": "futures", "leverage": 3, "leverage_mode": "isolated"}
    assert said == (f"From the Jesse project's settings for {PERPETUAL}: balance 25,000, market futures, leverage 3, "
                    "leverage mode isolated. As given, not the project's: fee.")
    arguments, said = with_project_account({**given, "market": "spot"})
    assert arguments == {**given, "market": "spot", "balance": 25_000.0}
    assert "leverage" not in said
    with pytest.raises(InputError, match="is not said"):
        with_project_account({"project": project.folder})


def test_a_project_without_settings(own_database):
    with pytest.raises(InputError, match=r"no settings for backtests. Jesse stores them"):
        jn.project_account(SPOT, own_database.folder)


def test_a_run_takes_them_only_when_it_is_told_to(project, shell, capsys, tmp_path, monkeypatch):  # noqa: F811
    CandleStore().write(SPOT, "BTC-USDT", random_candles(4 * 1440))
    monkeypatch.chdir(tmp_path)
    line = f"-s BTC-USDT -t 1h --start 2023-01-03 --end 2023-01-05 --warm-up-candles 48 --project {project.folder}"
    run(shell, f"%config JesseNb.project = {str(project.folder)!r}")
    run(shell, f"%%backtest {line} --market spot -o plain\n{TREND}")
    assert shell.user_ns["plain"].spec.account.fee == 0.001
    run(shell, f"%%backtest {line} --account project --balance 777 -o result\n{TREND}")
    account = shell.user_ns["result"].spec.account
    assert (account.balance, account.fee, account.market) == (777.0, 0.00075, "spot")
    (tmp_path / "trend.py").write_text(f"from jesse.strategies import Strategy\nimport jesse.indicators as ta\n{TREND}")
    capsys.readouterr()
    assert main(["backtest", "trend.py", *line.split(), "--account", "project"]) == 0
    out = capsys.readouterr().out
    assert "From the Jesse project's settings for Binance Spot: balance 5,000, fee 0.075 %, market spot" in out
    assert "balance 5,000" in out.partition("\n")[2]
    assert SECRET not in out
