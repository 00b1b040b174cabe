"""Results show themselves through whichever renderer is in use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jesse_nb.core import rendering
from jesse_nb.core.rendering import Shown, use_renderer
from jesse_nb.exceptions import InputError, MissingPartError, StorageError


class Result(Shown):
    value = 7


class Plain:
    """The smallest renderer."""

    def text(self, result):
        return f"value {result.value}"

    def fragment(self, result):
        return f"<b>{result.value}</b>"

    def page(self, result):
        return f"<html>{result.value} µ</html>"

    def plots(self, result):
        return ("equity", "drawdown")

    def plot(self, result, name):
        return f"figure {name}"


@pytest.fixture
def renderer(monkeypatch):
    monkeypatch.setattr(rendering, "_renderer", None)
    use_renderer(Plain())


def test_a_result_shows_itself_everywhere(renderer):
    assert repr(Result()) == str(Result()) == "value 7"
    assert Result()._repr_mimebundle_() == {"text/plain": "value 7", "text/html": "<b>7</b>"}
    assert Result().plots() == ("equity", "drawdown")
    assert Result().plot("equity") == "figure equity"


def test_an_unknown_figure_is_refused_with_close_matches(renderer):
    with pytest.raises(InputError, match=r"'equty'.*Did you mean 'equity'"):
        Result().plot("equty")


def test_a_page_is_written_where_it_was_asked_for(renderer, tmp_path):
    target = Result().to_html(tmp_path / "new" / "folder" / "report.html")
    assert target.read_text(encoding="utf-8") == "<html>7 µ</html>"


def test_a_page_that_cannot_be_written_says_so(renderer, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write the report"):
        Result().to_html(tmp_path / "file" / "report.html")
    with pytest.raises(StorageError, match="Cannot write the report"):
        Result().to_html(tmp_path)


def test_without_a_renderer_the_text_is_stable_and_drawing_is_refused(monkeypatch):
    monkeypatch.setattr(rendering, "_renderer", None)
    assert str(Result()) == "<Result: import jesse_nb.report to see it>"
    assert list(Result()._repr_mimebundle_()) == ["text/plain"]
    for asked in (Result().plots, lambda: Result().plot("equity"), lambda: Result().to_html("x.html")):
        with pytest.raises(MissingPartError, match=r"import jesse_nb\.report"):
            asked()


def test_the_engine_brings_no_drawing_library():
    code = ("import sys, jesse_nb.core.tools.backtest.backtest, jesse_nb.core.tools.optimize.optimize;"
            "print([name for name in ('matplotlib', 'IPython', 'ipywidgets', 'jesse') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
