"""What the README says is so."""

from __future__ import annotations

import inspect
import re
import stat
from pathlib import Path
from typing import get_args

import pytest

import jesse_nb
from jesse_nb.cli_options import command_parser, parse_command_line
from jesse_nb.core.analysis.overfit_verdict import OverfitOutcome
from jesse_nb.core.analysis.verdict import FEW_DAYS, FEW_TRADES, FEW_WINDOWS, LEVEL
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.analysis_result import AnalysisType
from jesse_nb.core.tools.samplers import SAMPLERS
from jesse_nb.exceptions import JesseNbError

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_there_word_for_word():
    assert README.count('\n```\npython -m pip install -e ".[lab]" && jesse-nb demo\n```\n') == 1
    assert README.count('\n```\npython -m pip install -e ".[test]" && pytest -n 2 --dist loadfile --cov\n```\n') == 1


def test_every_command_line_is_understood():
    lines = re.findall(r"^jesse-nb (.*)$", README, re.MULTILINE)
    assert len(lines) >= 4
    for line in lines:
        words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]
        assert parse_command_line(words).command == words[0]


def test_the_table_of_spaces_holds():
    rows = re.findall(r"^\| `(\w+=.*?)` \| `(.*?)` \|", README, re.MULTILINE)
    assert len(rows) == 6
    for python, text in rows:
        assert Space.parse(eval(f"dict({python})")) == Space.parse(text)


def test_the_metrics_and_samplers_are_known():
    section = README.split("## Metrics")[1].split("##")[0]
    for name in re.findall(r"`([a-z_ ]+)`", section):
        assert resolve_metric(name)
    table = README.split("## Samplers")[1].split("##")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(SAMPLERS)


def test_the_table_of_windows_holds():
    rows = re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \| (\w+) \|", README, re.MULTILINE)
    assert len(rows) == 9
    parameters = inspect.signature(jesse_nb.walk_forward).parameters
    for name, flag, default in rows:
        assert str(parameters[name].default) == default
        value = [] if name == "anchored" else ["windows"] if name == "split" else ["3"]
        assert getattr(parse_command_line(["walk-forward", flag, *value]), name) is not None


def test_the_verdicts_are_those_of_the_code():
    section = README.split("The verdict is one of these")[1].split("##")[0]
    least = re.findall(r"(\d+) (?:out-|win|tra)", section)
    assert least == [str(number) for number in (FEW_DAYS, FEW_WINDOWS, FEW_TRADES)]
    assert f"at {LEVEL * 100:g} %" in section


def test_what_it_says_of_skill_and_luck_is_that_of_the_code():
    section = README.split("## Is it skill or luck?")[1].split("\n## ")[0]
    outcomes = set(re.findall(r"`([a-z ]+)`", section.split("```")[0]))
    assert outcomes == set(get_args(OverfitOutcome))
    assert set(re.findall(r"^\| `--(\w+)`", section, re.MULTILINE)) == set(get_args(AnalysisType))
    known = {*command_parser("optimize")._option_string_actions, *command_parser("analyze")._option_string_actions,
             *command_parser("runs")._option_string_actions}  # fmt: skip
    assert set(re.findall(r"--[a-z][a-z-]+", section)) <= known
    assert set(re.findall(r"jn\.(\w+)", section)) <= set(jesse_nb.__all__)


def test_the_errors_shown_are_those_that_come():
    shown = dict(re.findall(r"^(\w+Error): (.*)$", README, re.MULTILINE))
    for name, cause in (("SpaceError", lambda: Space.parse({"slow": (120, 31)})),
                        ("MetricError", lambda: resolve_metric("sharp"))):  # fmt: skip
        with pytest.raises(JesseNbError) as caught:
            cause()
        assert str(caught.value) == shown[name]
        assert isinstance(caught.value, getattr(jesse_nb, name))


@pytest.mark.parametrize("script", [".ci/run", "binder/start", "binder/postBuild"])
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR
