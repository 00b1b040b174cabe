import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.study.ratios import equity_ratios, return_ratios, sharpe

ORACLE = Path(__file__).with_name("jesse_metrics.py")


def curves():
    random = np.random.default_rng(3)
    for days in (2, 3, 5, 19, 21, 60, 365, 900):
        for drift in (-0.004, 0.0, 0.003):
            yield np.cumprod([10_000, *(1 + random.standard_t(4, days) * 0.015 + drift)])
    yield np.cumprod([10_000, *(1 + np.where(random.random(200) < 0.8, 0, random.normal(0, 0.02, 200)))])
    yield np.linspace(10_000, 9_000, 40)
    yield np.array([10_000, 9_000, 9_500, 9_990, 9_800, 10_000, 10_001.0])


def jesse_says(balances, timestamps, tmp_path):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("PYTEST", "COV", "JESSE", "PYTHONPATH"))}
    task = [{"balances": list(one), "timestamps": stamps} for one, stamps in zip(balances, timestamps, strict=True)]
    run = subprocess.run([sys.executable, "-W", "ignore", str(ORACLE)], input=json.dumps(task), capture_output=True,
                         text=True, cwd=tmp_path, env=environment, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_every_ratio_is_jesses_own_but_for_a_loss_on_the_first_day(tmp_path):
    balances = list(curves())
    begin = 1_700_000_000_000 // 86_400_000 * 86_400_000
    # On whole days, and as in fast mode: an hour after each, but for the first and the last.
    timestamps = [[begin + day * 86_400_000 + (late if 0 < day < len(one) - 1 else 0) for day in range(len(one))]
                  for late in (0, 3_600_000) for one in balances]
    balances *= 2
    compared = 0
    for balance, stamps, expected in zip(balances, timestamps, jesse_says(balances, timestamps, tmp_path), strict=True):
        ours = equity_ratios(pd.Series(balance, index=pd.to_datetime(stamps, unit="ms", utc=True)))
        deepest = min(later / earlier - 1 for place, earlier in enumerate(balance) for later in balance[place:]) * 100
        if deepest < expected["max_drawdown"] - 1e-9:  # Jesse leaves out what the first day lost
            assert ours["max_drawdown"] == pytest.approx(deepest)
            expected["calmar_ratio"] = expected["annual_return"] / -deepest
            expected["max_drawdown"] = deepest
        for name, value in expected.items():
            if math.isnan(ours[name]):  # what Jesse calls infinite, or 0 without a drawdown, is undefined here
                assert not math.isfinite(value) or (name == "calmar_ratio" and value == 0), (name, value)
            else:
                assert ours[name] == pytest.approx(value, rel=1e-9), (name, len(balance))
                compared += 1
        assert ours["net_profit_percentage"] == pytest.approx((balance[-1] / balance[0] - 1) * 100)
    assert compared > 200


def test_what_is_undefined_says_so():
    assert all(math.isnan(value) for value in return_ratios([]).values())
    assert all(math.isnan(value) for value in return_ratios([0.01]).values())
    flat = return_ratios([0.0] * 50)
    assert flat["net_profit_percentage"] == flat["annual_return"] == flat["max_drawdown"] == 0
    for name in ("sharpe_ratio", "sortino_ratio", "smart_sharpe", "omega_ratio", "serenity_index", "calmar_ratio"):
        assert math.isnan(flat[name])
    assert math.isnan(sharpe(np.full(30, 0.1)))
    always_up = return_ratios([0.01, 0.02, 0.01, 0.03])
    assert always_up["sharpe_ratio"] > 0
    assert math.isnan(always_up["sortino_ratio"])


def test_losing_everything_stays_lost():
    ruined = return_ratios([0.01, -1.0, 0.0, 0.0])
    assert all(math.isnan(value) for value in ruined.values()) or ruined["net_profit_percentage"] == -100
