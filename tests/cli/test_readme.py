"""What the README and the guide say is so."""

from __future__ import annotations

import ast
import inspect
import re
import stat
import textwrap
from pathlib import Path
from typing import get_args

import pytest

import jesse_nb
from jesse_nb.cli.parser import command_parser, parse_command_line
from jesse_nb.core.analysis.luck.overfit_verdict import FEW_ACTIVE_DAYS, HIGH_PBO, OFTEN, SURE, OverfitOutcome
from jesse_nb.core.analysis.luck.overfit_verdict import FEW_DAYS as FEW_STUDIED_DAYS
from jesse_nb.core.analysis.studies.cpcv_verdict import FEW_CANDIDATES, FEW_PATHS
from jesse_nb.core.analysis.studies.verdict import FEW_DAYS, FEW_TRADES, FEW_WINDOWS, LEVEL
from jesse_nb.core.simulator.strategies.standalone import free_names
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.tools.analyze.analysis_result import AnalysisType
from jesse_nb.core.tools.optimize.samplers import SAMPLERS
from jesse_nb.exceptions import JesseNbError

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "notebooks" / "guide").glob("*.md")}
ALL = {"README": README, "CONTRIBUTING": (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8"), **GUIDE}


def section(page: str, title: str) -> str:
    """What stands under a title of the guide, up to the next one."""
    return re.split(rf"^#+ {re.escape(title)}$", GUIDE[page], flags=re.MULTILINE)[1].split("\n## ")[0]


def test_the_two_commands_are_there_word_for_word():
    assert README.count('\n```\npython -m pip install -e ".[lab]" && jesse-nb demo\n```\n') == 1
    assert README.count('\n```\npython -m pip install -e ".[test]" && pytest -n 2 --dist loadfile --cov\n```\n') == 1


def test_the_readme_is_short_and_names_every_page():
    assert len(README.splitlines()) <= 200
    for page in GUIDE:
        assert f"](notebooks/guide/{page}.md)" in README
    index = (ROOT / ".ci" / "site" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^notebooks/guide/(\w+)$", index, re.MULTILINE)) == set(GUIDE)


@pytest.mark.parametrize("page", ALL)
def test_links_lead_somewhere(page):
    folder = {"README": ROOT, "CONTRIBUTING": ROOT / ".github"}.get(page, ROOT / "notebooks" / "guide")
    links = re.findall(r'(?:\]\(|src(?:set)?=")(?!https?:)([^)"#]+)', ALL[page])
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_command_line_is_understood():
    lines = [line for text in ALL.values() for line in re.findall(r"^jesse-nb (.*)$", text, re.MULTILINE)]
    assert len(lines) >= 12
    for line in lines:
        words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]
        assert parse_command_line(words).command == words[0]


#: What a block's page speaks of without making it: results and classes of the reader's own.
OF_THE_READER = {"batches": {"batch", "study", "TrendFollower"}, "candles": {"frame", "minutes"}, "luck": {"study"},
                 "ray": {"TrendFollower"}, "walk_forward": {"walk"}, "README": {"TrendFollower"}}


@pytest.mark.parametrize("page", ALL)
def test_python_that_is_shown_can_be_pasted(page):
    bound = set(OF_THE_READER.get(page, ()))
    for kind, shown in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", ALL[page], re.MULTILINE | re.DOTALL):
        magic, _, body = shown.partition("\n")
        block = body if magic.startswith("%%") else shown if kind == "python" else ""
        tree = ast.parse(textwrap.dedent(block))
        there = {"Strategy", "ta", "utils"} if magic.startswith("%%") else set()
        assert free_names(textwrap.dedent(block)) <= bound | there, shown
        bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        bound |= {(name.asname or name.name).partition(".")[0] for node in ast.walk(tree)
                  if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names}
        bound |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        bound |= set(re.findall(r"-o (\w+)", magic))
        assert kind == "python" or not re.search(r"^[^%]*\bjn\.", shown, re.MULTILINE), f"not marked as Python: {shown}"


def test_every_public_name_that_is_shown_is_there():
    for page, text in ALL.items():
        named = set(re.findall(r"\bjn\.(\w+)", text))
        assert named <= set(jesse_nb.__all__), page


def test_the_table_of_spaces_holds():
    rows = re.findall(r"^\| `(\w+=.*?)` \| `(.*?)` \|", GUIDE["optimize"], re.MULTILINE)
    assert len(rows) == 6
    for python, text in rows:
        assert Space.parse(eval(f"dict({python})")) == Space.parse(text)


def test_the_metrics_and_samplers_are_known():
    for name in re.findall(r"`([a-z_ ]+)`", section("optimize", "Metrics")):
        assert resolve_metric(name)
    assert set(re.findall(r"^\| `(\w+)`", section("optimize", "Samplers"), re.MULTILINE)) == set(SAMPLERS)


def test_the_table_of_windows_holds():
    rows = re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \| (\w+) \|", GUIDE["walk_forward"], re.MULTILINE)
    assert len(rows) == 9
    parameters = inspect.signature(jesse_nb.walk_forward).parameters
    for name, flag, default in rows:
        assert str(parameters[name].default) == default
        value = [] if name == "anchored" else ["windows"] if name == "split" else ["3"]
        assert getattr(parse_command_line(["walk-forward", flag, *value]), name) is not None


def test_the_verdicts_are_those_of_the_code():
    text = section("walk_forward", "The verdict")
    least = re.findall(r"(\d+) (?:out-|win|tra)", text)
    assert least == [str(number) for number in (FEW_DAYS, FEW_WINDOWS, FEW_TRADES)]
    assert f"at {LEVEL * 100:g} %" in text
    text = section("walk_forward", "Cross-validation")
    assert f"Fewer than {FEW_PATHS} paths, {FEW_CANDIDATES} candidates or {FEW_DAYS} days" in text
    assert f"at {LEVEL * 100:g} %" in text


def test_what_it_says_of_skill_and_luck_is_that_of_the_code():
    text = GUIDE["luck"]
    assert set(re.findall(r"`([a-z ]+)`", text.split("```")[0])) == set(get_args(OverfitOutcome))
    thresholds = dict(re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(thresholds) == set(get_args(OverfitOutcome))
    assert re.findall(r"\d+", thresholds["too little data"]) == [
        str(number) for number in (FEW_STUDIED_DAYS, FEW_ACTIVE_DAYS, FEW_TRADES)]
    assert f"above {LEVEL}," in thresholds["likely luck"]
    assert f"above {SURE}," in thresholds["undecided"]
    assert f"PBO is above {HIGH_PBO} while more than {OFTEN * 100:g} %" in thresholds["undecided"]
    assert set(re.findall(r"^\| `--(\w+)`", text, re.MULTILINE)) == set(get_args(AnalysisType))
    known = {*command_parser("optimize")._option_string_actions, *command_parser("analyze")._option_string_actions,
             *command_parser("runs")._option_string_actions}
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= known


def test_the_errors_shown_are_those_that_come():
    shown = dict(re.findall(r"^(\w+Error): (.*)$", GUIDE["errors"], re.MULTILINE))
    for name, cause in (("SpaceError", lambda: Space.parse({"slow": (120, 31)})),
                        ("MetricError", lambda: resolve_metric("sharp"))):
        with pytest.raises(JesseNbError) as caught:
            cause()
        assert str(caught.value) == shown[name]
        assert isinstance(caught.value, getattr(jesse_nb, name))


@pytest.mark.parametrize("script", [".ci/run", ".ci/core", ".ci/site/build", "binder/start", "binder/postBuild"])
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR
