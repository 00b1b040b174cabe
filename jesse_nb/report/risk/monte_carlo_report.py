"""What goes into the report of a Monte Carlo, as its template and plain text take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import mark_lines, run_heading
from jesse_nb.report.common.numbers import UNDEFINED, measure
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Cell, Table, as_text, cell, toned
from jesse_nb.report.risk.monte_carlo_figures import monte_carlo_plots, questions_of
from jesse_nb.report.risk.var_tables import percent

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.monte_carlo import Outcomes, RiskMonteCarlo

__all__ = ["RISK_MONTE_CARLO"]

#: What each figure shows, for those who cannot see it.
_PICTURES = {
    "fan": "Range of the paths of this period and of the next, and the path that happened",
    "outcomes": "Distributions of final equity and deepest drawdown, the run itself marked",
    "scenarios": "Equity on rewritten candles and on the real ones",
}
_DRAWN = {"stationary": "days in blocks of {block} on average", "block": "days in blocks of {block}",
          "iid": "single days", "trade_shuffle": "the trades in another order", "trade_resample": "trades drawn again",
          "candles": "Jesse's runs on rewritten markets"}
_FIGURES = (("final_equity", "final equity", "currency"), ("max_drawdown", "deepest drawdown", "percent"),
            ("longest_underwater", "longest under water", "count"))


def _title(result: RiskMonteCarlo) -> str:
    """Return what was drawn, in a line."""
    spec = result.spec
    return f"Monte Carlo of {result.strategy if spec is None else f'{result.strategy} on {provenance.market(spec)}'}"


def _content(result: RiskMonteCarlo) -> dict[str, Any]:
    """Return what the template takes, but for its pictures."""
    return {
        **run_heading(result.run), "sample": sample_words(result.sample),
        "understated": result.sample != "out-of-sample", "said": _said(result), "tiles": _tiles(result),
        "chances": chances_table(result), "outcomes": outcomes_table(result), "worst": worst_table(result),
        "meant": _meant(result), "no_projection": result.no_projection, "notes": result.notes,
        "stopped": result.stopped,
    }


def _text(result: RiskMonteCarlo) -> str:
    """Return the figures as plain text, the same every time."""
    content = _content(result)
    lines = wrapped(_title(result), content["places"], content["period"])
    lines += mark_lines(content)
    lines += wrapped(content["sample"], f"Drawn: {_how(result)}.", *content["said"])
    for name in ("chances", "outcomes", "worst"):
        lines += ["", *as_text(content[name])] if content[name].rows else []
    lines += ["", *wrapped(*content["meant"], *result.notes)]
    return "\n".join([*lines, *([f"Stopped: {result.stopped}."] if result.stopped else [])])


def chances_table(result: RiskMonteCarlo) -> Table:
    """Lay out the probabilities of each question, with what drawing so few paths leaves open."""
    asked = questions_of(result)
    if not asked:
        return Table((), ())
    names = {"loss": "ends below its start", "ruin": f"at some time {measure_of(result.ruin)} below its start",
             "target": f"gains {measure_of(result.target or 0.0)} before that",
             "undecided": "neither the one nor the other"}
    rows = tuple((cell(words), *(_chance(question, event) for question in asked.values()))
                 for event, words in names.items()
                 if any(event in question.chances.index for question in asked.values()))
    return Table(("share of the paths (95% interval)", *asked), rows)


def outcomes_table(result: RiskMonteCarlo) -> Table:
    """Lay out the distributions of each question, and where the run stands."""
    rows = []
    for name, question in questions_of(result).items():
        for figure, title, unit in _FIGURES:
            row = question.paths.distributions.loc[figure]
            rows.append((cell(name),
                         cell(title if figure != "longest_underwater" else f"{title} ({question.paths.unit})"),
                         *(cell(measure(row[cut], unit)) for cut in ("5%", "25%", "50%", "75%", "95%")),
                         cell(measure(row["actual"], unit)),
                         cell(UNDEFINED if math.isnan(row["rank"]) else f"{row['rank'] * 100:.0f}%")))
    return Table(("question", "of the paths", "5%", "25%", "median", "75%", "95%", "as it was", "paths below it"),
                 tuple(rows), words=2)


def worst_table(result: RiskMonteCarlo) -> Table:
    """Lay out what so large a share of the paths stays on the better side of."""
    rows = tuple((cell(name), cell(percent(float(str(level)))), cell(measure(row["final_equity"], "currency")),
                  toned(measure(row["max_drawdown"], "percent"), row["max_drawdown"]),
                  cell(f"{row['longest_underwater']:,.0f} {question.paths.unit}"))
                 for name, question in questions_of(result).items() for level, row in question.worst.iterrows())
    return Table(("question", "of the paths", "end with at least", "fall no deeper than",
                  "are under water up to"), rows, words=2)


def measure_of(value: float) -> str:
    """Write a percentage without a sign."""
    return f"{value:.6g}%"


def _chance(one: Outcomes, event: str) -> Cell:
    if event not in one.chances.index or (one.paths.method == "trade shuffle" and event == "loss"):
        return Cell(UNDEFINED, "undefined", "every order of the same trades ends alike")
    row = one.chances.loc[event]
    low, high = row["low"] * 100, row["high"] * 100
    return cell(f"{row['probability'] * 100:.1f}% ({low:.1f} to {high:.1f})",
                title="What more paths of the same kind would come to; not how well they tell what comes.")


def _said(result: RiskMonteCarlo) -> list[str]:
    if result.projection is not None:
        ahead = result.projection
        row: Any = ahead.paths.distributions.loc["final_equity"]
        loses: Any = ahead.chances.loc["loss", "probability"]
        return [f"If the next {ahead.paths.steps:,} {ahead.paths.unit} are of the same kind, nine in ten paths end "
                f"between {measure(row['5%'], 'currency')} and {measure(row['95%'], 'currency')}, from "
                f"{measure(ahead.balance, 'currency')}; {loses * 100:.0f} % of them lose."]
    if result.period is not None:
        deep = result.period.paths.distributions.loc["max_drawdown"]
        return [f"Half of the paths fall deeper than {measure(deep['50%'], 'percent')} at some time, one in twenty "
                f"deeper than {measure(deep['5%'], 'percent')}."]
    return ["Nothing was drawn."]


def _tiles(result: RiskMonteCarlo) -> list[tuple[str, Any, str]]:
    tiles: list[tuple[str, Any, str]] = []
    for name, question in questions_of(result).items():
        deep = question.paths.distributions.loc["max_drawdown"]
        if question.paths.method != "trade shuffle":
            loses: Any = question.chances.loc["loss", "probability"]
            tiles.append((f"{name}: loses", cell(f"{loses * 100:.0f}%"), "of the paths"))
        tiles.append((f"{name}: drawdown", cell(measure(deep["50%"], "percent")),
                      f"median; one in 20 beyond {measure(deep['5%'], 'percent')}"))
    if result.period is not None:
        tiles.append(("drawn from", cell(f"{_history(result):,}"), result.period.paths.unit))
    return tiles


def _meant(result: RiskMonteCarlo) -> list[str]:
    said = ["This period: how else it could have gone. Paths drawn from the history as it was, which says how much of "
            "the result was the luck of its order and of its days."]
    if result.projection is not None:
        said.append("Next period: what it could bring. Each path is drawn from a history that could have been, for the "
                    "mean is known no better than one period tells it. It takes the edge to last: one that decays, or "
                    "was chosen on these days, brings less.")
    elif result.no_projection:
        said.append(f"The next period is not drawn: {result.no_projection}.")
    return [*said, "The errors are those of drawing so few paths, not of a history that held no crash."]


def _how(result: RiskMonteCarlo) -> str:
    drawn = result.period.paths if result.period is not None else None
    block, count = (drawn.block, drawn.paths) if drawn is not None else (0, 0)
    paths = f"{count:,} paths, " if drawn is not None else ""
    return f"{paths}{_DRAWN[result.method].format(block=block)}, seed {result.seed}"


def _history(result: RiskMonteCarlo) -> int:
    assert result.period is not None
    return result.period.paths.steps



RISK_MONTE_CARLO: Report[RiskMonteCarlo] = Report(
    _title, _text, _content, "risk/monte_carlo.html", monte_carlo_plots, lambda _: _PICTURES,
    lambda result: provenance.run_card(result.run, ("Monte Carlo", _how(result))),
)
