"""What live views show of real jobs, against what their results say."""

from __future__ import annotations

import json
import math
import statistics

import pytest

from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.widgets.live.live_texts import snapshot
from tests.jobs.strategies import CROSSING


def test_the_boards_of_real_jobs_say_what_their_results_say(markets):
    common = {"candles": markets, "background": True}
    job = optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-15", n_trials=12, test_ratio=0, min_trades=0,
                   **common)
    study, board = job.result(120), job.board()
    assert board["points"][-1][1] == study.best.value
    assert [trial["number"] for trial in board["top"]] == [one.trial.number for one in study.top[:5]]
    assert board["top"][0]["params"] == study.best_params
    json.dumps(board, allow_nan=False)

    job = walk_forward(CROSSING, "BTC-USDT", "1h", "2023-02-15", "2023-03-15", in_sample_period=10,
                       out_sample_period=5, step_forward=5, n_trials=3, **common)
    walked, board = job.result(120), job.board()
    metric = walked.metrics[0]
    assert {row["state"] for row in board["rows"]} == {"done"}
    for row, window in zip(board["rows"], walked.windows, strict=True):
        assert row["values"] == [pytest.approx(metric.read(run), nan_ok=True) if not math.isnan(metric.read(run))
                                 else None for run in (window.train, window.test)]


def test_trials_of_few_trades_are_shown_marked_while_there_are_no_others(markets):
    common = {"candles": markets, "background": True, "n_trials": 4, "test_ratio": 0, "check_first": False}
    job = optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-15", min_trades=500, **common)
    study, board = job.result(120), job.board()
    assert all(trial.few_trades for trial in study.trials)
    assert board["few_trades"] == 500
    assert board["top"][0]["number"] == study.best.number
    shown = snapshot(job)["board"]
    assert "No trial has made 500 trades yet (min_trades)" in shown["table"]["note"]
    assert shown["table"]["rows"][0][0] == f"{study.best.number} (few trades)"
    assert shown["caption"].endswith("all of fewer than 500 trades")
    counts = sorted(trial.metrics["total"] for trial in study.trials)
    job = optimize(CROSSING, "BTC-USDT", "1h", "2023-03-01", "2023-03-15", min_trades=int(counts[-1]), **common)
    job.result(120)
    assert "few_trades" not in job.board()
    assert "few" not in snapshot(job)["board"]["caption"]


def test_a_batchs_matrix_has_the_scores_of_its_entries(markets):
    job = backtest_batch(CROSSING, ["BTC-USDT", "NONE-USDT"], ["1h", "2h"], ("2023-03-01", "2023-03-15"),
                         params=[{"fast": 5}, {"fast": 9}, {"fast": 9}], candles=markets, background=True)
    result, board = job.result(120), job.board()
    assert board["dimensions"] == ["params", "symbol"]
    for row, label in enumerate(board["rows"][:2]):
        scores = [entry.score for entry in result.entries if entry.label == label and not entry.failed]
        value, done, failed, total = board["cells"][row][0]
        assert (done, failed, total) == (2, 0, 2)
        assert value == pytest.approx(statistics.median(scores))
        assert board["cells"][row][1][:3] == [None, 2, 2]
