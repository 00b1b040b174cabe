"""A search that was made before repeats its proposals without its sampler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.study.metric import resolve_metrics
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.optimize import search as search_module
from jesse_nb.core.tools.optimize.search import Search

SPACE = Space.parse({"fast": (2, 20), "slow": (21, 80)})


def proposals(store: RunStore, seed: int = 0) -> list[dict[str, Any]]:
    search = Search(SPACE, resolve_metrics("sharpe"), sampler="tpe", seed=seed, n_trials=12, workers=1, store=store)
    found = []
    while not search.ended:
        number, params = search.ask()
        search.tell(number, (float(params["fast"]),))
        found.append(params)
    return found


def test_a_search_is_repeated_without_its_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    first = proposals(store)

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("The sampler was asked.")

    with monkeypatch.context() as patch:
        patch.setattr(search_module.optuna.study.Study, "ask", refuse)
        assert proposals(store) == first
        with pytest.raises(AssertionError, match="asked"):
            proposals(store, seed=1)
