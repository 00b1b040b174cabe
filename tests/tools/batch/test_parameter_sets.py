from __future__ import annotations

import base64
import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.strategies.dna import decode_base64_dna, decode_legacy_dna, is_legacy_dna
from jesse_nb.core.tools.batch.parameter_sets import parameter_sets
from jesse_nb.exceptions import InputError

DECLARED = [
    {"name": "fast", "type": int, "min": 2, "max": 20, "default": 8},
    {"name": "slow", "type": int, "min": 21, "max": 80, "default": 30},
    {"name": "stop", "type": float, "min": 0.5, "max": 4.0, "default": 2.0},
]


def encoded(values: dict[str, Any]) -> str:
    """DNA as Jesse's Optimize.py writes it."""
    return base64.b64encode(json.dumps(values, sort_keys=True).encode()).decode()


def labels_and_values(params: Any, top: int = 10) -> list[tuple[str, dict[str, Any]]]:
    sets = parameter_sets(params, top)
    listed = [(one.label, dict(one.values)) for one in sets]
    assert len(sets) == len(listed)
    return listed


def test_nothing_means_the_strategys_own_values() -> None:
    assert labels_and_values(None) == [("defaults", {})]


def test_a_grid_is_every_combination() -> None:
    grid = {"fast": [5, 10], "slow": np.array([30, 60]), "mode": "a"}
    assert labels_and_values(grid) == [
        (f"fast={fast}, slow={slow}", {"fast": fast, "slow": slow, "mode": "a"})
        for fast in (5, 10) for slow in (30, 60)]


def test_a_grid_too_large_to_write_down_is_counted_at_once() -> None:
    assert len(parameter_sets({f"p{number}": range(1_000) for number in range(6)})) == 10**18


def test_values_of_a_grid_given_twice_are_used_once_and_said() -> None:
    sets = parameter_sets({"fast": [5, 5, 6]})
    assert len(sets) == len(list(sets)) == 2
    assert "more than once" in sets.notes[0]


def test_labels_tell_sets_apart_even_behind_the_shown_digits() -> None:
    values = [0.1, 0.1 + 1e-12, 10, 10.0, True, "10"]
    for params in ({"x": values}, [{"x": value, "y": 1} for value in values]):
        labels = [one.label for one in parameter_sets(params)]
        assert len(set(labels)) == len(values), labels


def test_sets_are_named_after_what_they_differ_in() -> None:
    assert [label for label, _ in labels_and_values([{"a": 1, "b": 2.5}, {"a": 1, "b": 3.0}, {"a": 1}, {}])] == [
        "a=1, b=2.5", "a=1, b=3", "a=1", "defaults"]
    assert [label for label, _ in labels_and_values([{"a": 1, "b": 2}, {"a": 1, "b": 3}])] == ["b=2", "b=3"]
    assert labels_and_values([{"a": 1, "b": 2}])[0][0] == "a=1, b=2"


def test_equal_sets_are_one() -> None:
    sets = parameter_sets([{"a": 1, "b": 2}, {"b": 2, "a": 1}, encoded({"a": 1, "b": 2})])
    assert (len(sets), sets.repeated) == (1, 2)


@pytest.mark.parametrize("seed", range(20))
def test_dna_means_what_it_means_to_jesse(seed: int) -> None:
    chance = random.Random(seed)
    dna_to_hp = jesse_module("jesse.helpers").dna_to_hp
    values = {"fast": chance.randint(2, 20), "stop": chance.uniform(0.5, 4), "mode": chance.choice("abc"), "on": True}
    assert decode_base64_dna(encoded(values)) == values == dna_to_hp(DECLARED, encoded(values))
    old = "".join(chance.choices([chr(code) for code in range(40, 120)], k=3))
    assert is_legacy_dna(old)
    assert decode_legacy_dna(old, DECLARED, "Trend") == dna_to_hp(DECLARED, old)
    assert decode_base64_dna(old) is None


def test_old_dna_that_happens_to_be_base64_of_a_number_is_still_dna() -> None:
    old = base64.b64encode(b"124").decode()
    assert jesse_module("jesse.helpers").dna_to_hp([], old) == 124  # which is no set of hyperparameters
    assert [one.dna for one in parameter_sets([old])] == [old]
    declared = [{**DECLARED[0], "name": f"p{number}"} for number in range(4)]
    assert set(decode_legacy_dna(old, declared, "Trend")) == {"p0", "p1", "p2", "p3"}


def test_old_dna_of_another_strategy_is_refused() -> None:
    with pytest.raises(InputError, match="2 genes, but Trend declares 3"):
        decode_legacy_dna("(w", DECLARED, "Trend")
    with pytest.raises(InputError, match="'mode', which is categorical"):
        decode_legacy_dna("(", [{"name": "mode", "type": "categorical", "options": ["a"]}], "Trend")


def test_several_dna_as_the_dashboard_copies_them() -> None:
    copied = "\n\n".join([encoded({"fast": 3}), encoded({"fast": 4})])
    assert labels_and_values(copied) == [("fast=3", {"fast": 3}), ("fast=4", {"fast": 4})]


def jesses_csv(path: Path, rows: list[tuple[str, float, dict[str, Any]]], decoded: bool = True) -> Path:
    """A file as Jesse's genetic optimizer wrote it: json_normalize of its snapshots, each row again and again."""
    names = list(rows[0][2])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        head = ["iteration", "dna", "fitness", "training_log.win-rate", "training_log.total", "testing_log.PNL"]
        writer.writerow(head + [f"parameters.{name}" for name in names] * decoded)
        for dna, fitness, values in rows * 3:
            writer.writerow(["9/300", dna, fitness, 51, 40, 3.2] + [values[name] for name in names] * decoded)
    return path


def test_jesses_csv_gives_its_best_distinct_rows(tmp_path: Path) -> None:
    rows = [("t4,", 0.2, {"fast": 7, "stop": 1.5}), ('"R', 0.9, {"fast": 9, "stop": 2.0}),
            ("i+4", 0.5, {"fast": 3, "stop": 0.25})]
    path = jesses_csv(tmp_path / "study.csv", rows)
    assert labels_and_values(path, top=2) == [("fast=9, stop=2", {"fast": 9, "stop": 2.0}),
                                              ("fast=3, stop=0.25", {"fast": 3, "stop": 0.25})]
    assert labels_and_values(str(path)) == labels_and_values(path)
    assert parameter_sets(path, 2).notes == ("The parameters are the best 2 of 3 distinct ones in study.csv.",)
    whole = labels_and_values(path)[0][1]
    assert isinstance(whole["fast"], int)
    assert isinstance(whole["stop"], float)


def test_a_csv_without_decoded_values_gives_its_dna(tmp_path: Path) -> None:
    path = jesses_csv(tmp_path / "study.csv", [("t4,", 0.2, {}), (encoded({"fast": 4}), 0.1, {})], decoded=False)
    first, second = parameter_sets(path)
    assert (first.dna, dict(first.values), first.label) == ("t4,", {}, "DNA t4,")
    assert (second.dna, dict(second.values)) == ("", {"fast": 4})


@pytest.mark.parametrize(("content", "words"), [
    ("", "no column dna"), ("a,b\n1,2\n", "no column dna"), ("dna,fitness\n", "no row with parameters"),
    ("dna,fitness\n,0.3\n", "no row with parameters"), (b"dna\n\xff\xfe\x00", "cannot be read"),
])
def test_a_csv_that_is_not_jesses_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        parameter_sets(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_jesses_research_optimize_returned() -> None:
    returned = {"best_trials": [{"rank": 1, "trial": 17, "params": {"fast": np.int64(3)}, "fitness": 0.4},
                                {"rank": 2, "trial": 4, "params": {"fast": 9}, "fitness": 0.3}],
                "total_trials": 40}
    assert labels_and_values(returned) == [("trial 17", {"fast": 3}), ("trial 4", {"fast": 9})]
    assert labels_and_values(returned, top=1) == [("trial 17", {"fast": 3})]
