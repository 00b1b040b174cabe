"""The examples in the docstrings of what is public, run on the demo market."""

from __future__ import annotations

import builtins
import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import jesse_nb
from jesse_nb.quickstart import TrendFollower

#: These need an exchange, a project's database, a cluster or a notebook: their examples are read, not run.
OUTSIDE = {"Fetched", "RayPool", "candles_from_database", "candles_to_database", "fetch_candles", "import_files",
           "panel", "project_account", "update_candles"}
#: Jesse's own, a module, and what ``%load_ext`` calls.
WITHOUT = {"Strategy", "exceptions", "load_ipython_extension", "unload_ipython_extension"}


def public() -> list[str]:
    """All public names but the errors."""
    return [name for name in jesse_nb.__all__ if name not in WITHOUT and not (
        inspect.isclass(getattr(jesse_nb, name)) and issubclass(getattr(jesse_nb, name), BaseException))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Half a year of two demo markets, and one store for all, so that what two examples share runs once."""
    path = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JESSE_NB_CANDLES", str(path / "candles"))
        patch.setenv("JESSE_NB_STORE", str(path / "store"))
        jesse_nb.install_demo(symbols=["BTC-USDT", "ETH-USDT"], end="2023-07-01")
        yield path


@pytest.mark.parametrize("name", public())
def test_the_example_holds(
    name: str, folder: Path, isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JESSE_NB_CANDLES", str(folder / "candles"))
    monkeypatch.setenv("JESSE_NB_STORE", str(folder / "store"))
    monkeypatch.chdir(tmp_path)
    value: Any = getattr(jesse_nb, name)
    given = {"jn": jesse_nb, name: value, "TrendFollower": TrendFollower}
    example = doctest.DocTestParser().get_doctest(value.__doc__ or "", given, name, None, None)
    run = [part for part in example.examples if not part.options.get(doctest.SKIP)]
    assert example.examples, f"{name} has no example"
    assert bool(run) == (name not in OUTSIDE)
    try:
        told = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    finally:
        vars(builtins).pop("_", None)  # the last value shown; where it stands, IPython sets no `_` of its own
    assert told.failed == 0, capsys.readouterr().out
