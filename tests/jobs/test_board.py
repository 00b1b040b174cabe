"""Boards: what a live view shows beyond the progress, against the plain definition over all that came in."""

from __future__ import annotations

import json
import math
import random
import statistics
import time

import pytest

from jesse_nb.core.jobs.board import CURVE_POINTS, MATRIX_ROWS, WINDOW_ROWS, Convergence, Matrix, Scale, windows_board
from jesse_nb.core.jobs.job import Job

SHARPE = Scale("Sharpe ratio", "ratio", "maximize")


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_convergence_is_the_best_so_far_and_the_best_five(direction):
    draw = random.Random(1)
    board = Convergence(Scale("m", "", direction), 300)
    values = [draw.choice([math.nan, round(draw.gauss(0, 1), 1)]) for _ in range(300)]
    for number, value in enumerate(values):
        board.add(number, value, {"x": number})
    shown = board.snapshot()
    better = max if direction == "maximize" else min
    best, expected = None, []
    for count, value in enumerate(values, 1):
        if not math.isnan(value) and (best is None or better(best, value) == value != best):
            best = value
            expected.append([count, value])
    assert shown["points"] == expected
    ranked = sorted((number for number, value in enumerate(values) if not math.isnan(value)),
                    key=lambda number: (-values[number] if direction == "maximize" else values[number], number))
    assert [trial["number"] for trial in shown["top"]] == ranked[:5]
    assert shown["trials"] == 300


def test_one_set_of_parameters_is_listed_once():
    board = Convergence(SHARPE, 9)
    for number, (value, x) in enumerate([(1.0, 1), (3.0, 2), (3.0, 2), (2.0, 1), (math.nan, 3)]):
        board.add(number, value, {"x": x})
    assert [(one["number"], one["value"]) for one in board.snapshot()["top"]] == [(1, 3.0), (3, 2.0)]


def test_a_convergence_stays_small_and_cheap_however_many_trials_improve():
    board = Convergence(SHARPE, 5_000)
    seconds = []
    for number in range(5_000):
        board.add(number, float(number), {"x": number})
        if number in (1_000, 4_999):
            began = time.process_time()
            shown = board.snapshot()
            seconds.append(time.process_time() - began)
    assert len(shown["points"]) <= CURVE_POINTS
    assert shown["points"][0] == [1, 0.0]
    assert shown["points"][-1] == [5_000, 4_999.0]
    assert all(value == count - 1 for count, value in shown["points"])  # thinned, never made up
    assert max(seconds) < 0.01


def test_a_matrix_shows_medians_of_what_meets_in_a_cell():
    sizes = {"strategy": ["S"], "symbol": ["A", "B"], "timeframe": ["1h", "4h", "1D"], "period": ["p"],
             "params": ["x", "y"]}
    board = Matrix(SHARPE, sizes, ("strategy", "params"), ("symbol", "timeframe", "period"))
    assert board.snapshot()["dimensions"] == ["params", "timeframe"]
    place = {"strategy": 0, "symbol": 0, "timeframe": 1, "period": 0, "params": 1}
    board.add(place, 1.0, failed=False)
    board.add({**place, "symbol": 1}, 4.0, failed=False)
    board.add({**place, "timeframe": 2}, math.nan, failed=True)
    board.leave_out({**place, "timeframe": 2, "symbol": 1})
    cells = board.snapshot()["cells"]
    assert cells[0] == [None, None, None]
    assert cells[1] == [None, [statistics.median([1.0, 4.0]), 2, 0, 2], [None, 1, 1, 1]]


def test_a_matrix_of_thousands_says_how_much_of_it_is_shown():
    sizes = {"strategy": ["S"], "symbol": ["A"], "timeframe": ["1h"], "period": ["p"],
             "params": [str(number) for number in range(5_000)]}
    board = Matrix(SHARPE, sizes, ("strategy", "params"), ("symbol", "timeframe", "period"))
    for number in range(5_000):
        board.add(dict.fromkeys(sizes, 0) | {"params": number}, 1.0, failed=False)
    shown = board.snapshot()
    assert (len(shown["rows"]), shown["n_rows"], shown["n_columns"]) == (MATRIX_ROWS, 5_000, 1)
    assert len(json.dumps(shown)) < 5_000


def test_windows_are_cut_and_undefined_values_are_none():
    rows = [{"number": number, "period": "p", "state": "waiting", "values": [math.nan, 1.0]} for number in range(900)]
    shown = windows_board(SHARPE, "window", ("In-sample", "Out-of-sample"), rows)
    assert (len(shown["rows"]), shown["n_rows"]) == (WINDOW_ROWS, 900)
    assert shown["rows"][0]["values"] == [None, 1.0]
    json.dumps(shown, allow_nan=False)


def test_a_job_without_a_board_has_none():
    assert Job("optimize", "nothing", lambda control: None).board() is None
