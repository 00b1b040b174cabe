"""The maximum drawdown counts what was lost from the starting balance on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jesse_nb.core.simulator.account.whole_drawdown import whole_drawdown
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.report.common.audit_words import audit_remarks
from tests.simulator.test_account import ALL_IN, DAY, HOUR, path_of, run_on


def by_definition(values: list[float]) -> float:
    """Every fall from any earlier value, in percent."""
    return min((later / earlier - 1) * 100 for place, earlier in enumerate(values) for later in values[place:])


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_deepest_fall_from_any_earlier_value(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = 10_000 * np.exp(np.cumsum(np.r_[0.0, random.standard_t(3, 40) * 0.03]))
    products = np.cumprod(values[1:] / values[:-1])  # as Jesse has them
    jesse = float((products / np.maximum.accumulate(products) - 1).min()) * 100
    metrics = {"max_drawdown": jesse, "annual_return": 12.0, "calmar_ratio": 12.0 / -jesse if jesse else 0.0}
    right = whole_drawdown(metrics, values)
    assert right["max_drawdown"] == pytest.approx(by_definition(list(values)))
    assert right["calmar_ratio"] == pytest.approx(12.0 / -by_definition(list(values)))
    assert (right is metrics) == (jesse == pytest.approx(by_definition(list(values))))
    assert whole_drawdown(right, values) is right


@pytest.mark.parametrize("metrics", [{"total": 0}, {"max_drawdown": math.nan, "calmar_ratio": math.nan}])
def test_what_has_no_drawdown_stays_as_it_is(metrics: dict) -> None:
    assert whole_drawdown(metrics, np.array([100.0, 50.0])) is metrics


@pytest.mark.usefixtures("as_worker")
def test_a_loss_on_the_first_day_is_a_drawdown(tmp_path: Path) -> None:
    fall = path_of((100.0, HOUR), (80.0, DAY - HOUR), (80.0, 2 * DAY))
    _, record = run_on(tmp_path, ALL_IN, {"BTC-USDT": fall}, fee=0.0, hyperparameters={"part": 0.5, "close_at": 30})
    assert record.audit is not None
    assert record.audit.jesse_metrics is not None
    assert record.audit.wrong == 0
    assert record.equity_values[0] == 10_000
    assert record.audit.jesse_metrics["max_drawdown"] == pytest.approx(0.0, abs=1e-9)
    assert record.metrics["max_drawdown"] == pytest.approx(-10.0)
    assert record.metrics["calmar_ratio"] == pytest.approx(record.metrics["annual_return"] / 10.0)
    said = " ".join(audit_remarks(record.audit))
    assert "Jesse's own begins with what the first day left" in said
    others = {name for name, value in record.metrics.items()
              if value != record.audit.jesse_metrics[name] and not math.isnan(value)}
    assert others == {"max_drawdown", "calmar_ratio"}

    # what an earlier version stored is read with the right one, too
    stored = replace(record, metrics=record.audit.jesse_metrics, audit=replace(record.audit, jesse_metrics=None))
    packed = stored.pack()
    assert json.loads(packed[0])["max_drawdown"] == pytest.approx(0.0, abs=1e-9)
    read = RunRecord.unpack(*packed, seconds=1.0)
    assert read.metrics["max_drawdown"] == record.metrics["max_drawdown"]
    assert read.audit is not None
    np.testing.assert_equal(read.audit.jesse_metrics, record.audit.jesse_metrics)
