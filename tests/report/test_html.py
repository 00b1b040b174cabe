import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.core.simulator.spec import Route, StrategyRef
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.report.html import fragment, page
from tests.analysis.results import make_backtest, make_optimization, make_spec

EVIL = """<script>alert("1")</script>'"><img src=x onerror=alert(1)>{{ 7*7 }}"""


class Reader(HTMLParser):
    """Collects elements, and checks that what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs
        if tag not in ("img", "br", "meta"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.words.append(data)


def words(text: str) -> str:
    return " ".join(" ".join(Reader(text).words).split())


def evil_optimization():
    space = Space.parse(
        [
            {"name": EVIL, "type": "categorical", "options": [EVIL, "b"], "default": EVIL},
            {"name": "n", "type": int, "min": 1, "max": 50},
        ]
    )
    spec = make_spec(name=EVIL, exchange=f"E{EVIL}", symbol="BTC-USDT")
    result = make_optimization(30, space=space, spec=spec, notes=(EVIL,), stopped=EVIL, synthetic=True)
    metric = Metric(EVIL, "maximize", EVIL, "", result.metrics[0].read)
    trials = tuple(replace(trial, reason=EVIL) if not trial.scored else trial for trial in result.trials)
    top = (
        result.top[0],
        replace(result.top[1], test=None, test_values=(), test_reason=EVIL),
        *result.top[2:],
    )
    card = replace(result.training.card, versions={EVIL: EVIL}, candles={EVIL: EVIL}, strategies={EVIL: EVIL})
    return replace(
        result,
        trials=trials,
        top=top,
        sampler=EVIL,
        metrics=(metric,),
        training=replace(result.training, card=card),
    )


def evil_backtest():
    spec = make_spec(name=EVIL, exchange=f"E{EVIL}", symbol="BTC-USDT")
    second = Route(f"E{EVIL}", "ETH-USDT", "4h", StrategyRef(EVIL, "source", EVIL))
    result = make_backtest(replace(spec, routes=(*spec.routes, second), hyperparameters={EVIL: EVIL}))
    trades = result.trades.assign(side=EVIL, symbol=EVIL)
    return replace(result, trades=trades, card=replace(result.card, versions={EVIL: EVIL}))


@pytest.mark.parametrize("make", [evil_optimization, evil_backtest])
def test_names_and_values_are_escaped(make):
    result = make()
    for text in (fragment(result), page(result)):
        read = Reader(text)
        assert "script" not in read.names
        assert not [name for name, _ in read.attributes if name.startswith("on")]
        assert not [
            value for name, value in read.attributes if name == "src" and not value.startswith("data:")
        ]
        assert "<script" not in text.lower()
        assert "&lt;script&gt;" in text
        assert "{{ 7*7 }}" in text  # shown, not evaluated
    str(result)


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: make_optimization(100), 600_000),
        (lambda: make_optimization(60, metric=["sharpe", "max_drawdown"]), 600_000),
        (lambda: make_backtest(make_spec("2021-01-01", "2024-06-01"), trades=3_000), 400_000),
    ],
    ids=["a metric", "two metrics", "a long run"],
)
def test_lean_and_self_contained(make, most):
    text = fragment(make())
    assert len(text) < most
    assert "http" not in text
    assert "url(" not in text
    for narrow, source in re.findall(r'<img( hidden)? src="([^"]*)"', text):
        assert source.startswith("data:image/png;base64,")
        image = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
        assert image.width >= (600 if narrow else 1_200)
        assert image.convert("RGBA").getpixel((0, 0))[3] == 0
    assert all(value for name, value in Reader(text).attributes if name == "alt")


@pytest.mark.usefixtures("blank_pictures")
def test_every_rule_is_scoped_and_both_themes_are_there():
    style = re.search(r"<style>(.*?)</style>", fragment(make_backtest()), re.DOTALL).group(1)
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", style.replace("@media (prefers-color-scheme: dark) {", ""))
    assert len(rules) > 20
    for rule in rules:
        assert all(".jesse-nb" in selector for selector in rule.split(",")), rule
    assert "prefers-color-scheme: dark" in style
    assert 'body[data-jp-theme-light="false"] .jesse-nb' in style
    assert 'body[data-jp-theme-light="true"] .jesse-nb' in style


@pytest.mark.usefixtures("blank_pictures")
def test_an_optimization_tells_the_whole_story():
    result = make_optimization(60, synthetic=True)
    said = words(fragment(result))
    for part in (
        "SYNTHETIC DATA",
        "Best parameters",
        "Training, held out and default",
        "Luck or skill",
        "Convergence",
        "Parameter importances",
        "Value by parameter",
        "Top trials",
        "Failures",
        "Notes",
        "Result card",
        "60 of 60 trials; 3 failed",
        "known already",
        "deflated Sharpe",
        "Evidence",
        "ZeroDivisionError",
        "80 missing minutes were filled.",
        result.spec.routes[0].strategy.hash,
        "9f86d081884c7d65",
        "80, filled with flat candles without volume",
        "fast mode",
        "jesse 3.5.3",
    ):
        assert part in said, part
    assert f"{result.best_value:.2f}" in said


@pytest.mark.usefixtures("blank_pictures")
def test_no_held_out_period_and_early_stop():
    said = words(fragment(make_optimization(30, held_out=False, stopped="interrupted")))
    assert "No period was held out" in said
    assert "Stopped early: interrupted" in said
    assert "Edge lost:" not in said
    assert "Training and default" in said
    assert "SYNTHETIC" not in said


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_optimization(0),
        lambda: make_optimization(6, failing=6),
        lambda: make_optimization(1, failing=0, undefined=0),
        lambda: make_optimization(5, failing=0, undefined=5),
        lambda: make_optimization(20, metric=["sharpe", "profit", "win_rate"]),
    ],
    ids=["no trial", "all failed", "one trial", "all undefined", "three metrics"],
)
def test_thin_results_still_render(make):
    result = make()
    said = words(page(result))
    assert "Result card" in said
    assert "nan" not in said.lower().split()
    assert ("No trial has a value" in said) == (result.best is None)


@pytest.mark.usefixtures("blank_pictures")
def test_undefined_values_say_so():
    result = make_backtest()
    text = fragment(replace(result, metrics={**result.metrics, "sharpe_ratio": float("nan")}))
    assert re.search(r'title="undefined">–<', text)
    assert ">nan" not in text


@pytest.mark.usefixtures("blank_pictures")
def test_a_failed_default_run_leaves_its_column_out():
    result = make_optimization(30)
    assert "default parameters" not in words(fragment(replace(result, default=None)))


@pytest.mark.usefixtures("blank_pictures")
def test_a_backtest_tells_the_whole_story():
    result = make_backtest()
    said = words(fragment(result))
    for part in (
        "Net profit",
        "Equity and drawdown",
        "Monthly returns",
        "Jesse's metrics",
        "Smart Sortino",
        "Result card",
        "… 100 more …",
        "end excluded",
    ):
        assert part in said, part
    assert "more …" not in words(fragment(make_backtest(trades=12)))


@pytest.mark.usefixtures("blank_pictures")
def test_a_backtest_without_trades():
    said = words(fragment(make_backtest(trades=0)))
    assert "No trade was closed" in said
    assert "Monthly returns" not in said
    assert "Result card" in said


def test_the_page_is_written(tmp_path):
    target = make_backtest().to_html(tmp_path / "new" / "report.html")
    text = target.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert len(text) < 2_000_000
    assert "<title>TrendFollower on BTC-USDT 1h on Binance Spot</title>" in text
    bundle = make_backtest()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_unknown_kinds_are_refused():
    with pytest.raises(TypeError, match="No report is known for a str"):
        fragment("x")


@pytest.mark.usefixtures("blank_pictures")
def test_a_page_links_to_its_sections(tmp_path):
    result = make_optimization(30)
    result.to_html(tmp_path / "report.html")
    written = (tmp_path / "report.html").read_text("utf-8")
    links = re.findall(r'<a href="#(section-\d+)">([^<]+)</a>', written)
    headings = re.findall(r'<h3 id="(section-\d+)"[^>]*>([^<]+)', written)
    assert [("Top trials" in caption) for _, caption in links].count(True) == 1
    assert links == headings
    assert "position: sticky" in written
    assert "#section" not in fragment(result)  # whose ids would not be alone on a page


@pytest.mark.usefixtures("blank_pictures")
def test_money_that_was_gained_or_lost_has_its_sign():
    result = make_backtest()
    said = fragment(result)
    gain = result.trades["pnl"].loc[lambda pnl: pnl > 0].iloc[0]
    assert f'class="good">+{gain:,.2f}</td>' in said
    assert not re.findall(r'class="(?:word )?good"[^>]*>\d', said)
    assert f'>Average loss</th><td class="">-{result.metrics["average_loss"]:,.2f}</td>' in said
