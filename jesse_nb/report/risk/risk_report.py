"""What goes into a risk report, as its template and plain text take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jesse_nb.core.tools.risk.risk_input import sample_words
from jesse_nb.report.analyze.analysis_words import Judgement, judgement, looks
from jesse_nb.report.common import provenance
from jesse_nb.report.common.heading import mark_lines, run_heading
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, as_text, cell
from jesse_nb.report.risk.risk_report_figures import PARTS, described, risk_plots
from jesse_nb.report.risk.risk_report_tables import detailed_tables, key_table
from jesse_nb.report.risk.risk_report_words import LIMITS, QUESTIONS, answers, missing_words
from jesse_nb.report.risk.var_tables import percent

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.risk_report_result import RiskReport

__all__ = ["RISK"]

#: Which figures stand under which question.
_PICTURES = {"happened": ("account",), "period": (), "next": ("monte_carlo_fan", "monte_carlo_outcomes"),
             "var": ("var_losses", "var_forecasts"), "stress": ("stress_losses", "stress_equity")}
#: Whose reason stands where a question has no answer.
_SECTION = {"happened": "exposure", "period": "monte_carlo", "next": "monte_carlo"}

_DRAWN = ("Intervals of probabilities are those of drawing so few paths, not of knowing so few days; beside the equity "
          "at the end stands where nine in ten paths end.")
_BRIEF = "What ran, on which data and by which versions, stands in the summary and in the detailed report."


class Answer(NamedTuple):
    """A question of the page with what answers it; ``reason`` why nothing does."""

    question: str
    said: list[str]
    reason: str
    key: Table
    tables: list[tuple[str, Table]]
    pictures: tuple[str, ...]
    remarks: list[str]


def _title(result: RiskReport) -> str:
    """Return whose risk it is, in a line."""
    spec = result.spec
    return f"Risk of {result.strategy if spec is None else f'{result.strategy} on {provenance.market(spec)}'}"


def _content(result: RiskReport) -> dict[str, Any]:
    """Return what the template takes, but for its pictures."""
    return {
        **run_heading(result.run), "sample": sample_words(result.sample),
        "understated": result.sample != "out-of-sample", "verdict": _verdict(result),
        "looks": looks(result.judged) if result.judged is not None else "",
        "tiles": _tiles(result), "answers": _answers(result),
        "missing": missing_words(result), "limits": LIMITS, "brief": _BRIEF if result.format == "executive" else "",
        "notes": _notes(result), "stopped": result.stopped,
    }


def _text(result: RiskReport) -> str:
    """Return the figures as plain text, the same every time."""
    heading = run_heading(result.run)
    lines = wrapped(_title(result), heading["places"], heading["period"])
    lines += [*mark_lines(heading), *wrapped(sample_words(result.sample))]
    found = _verdict(result)
    if found is not None and result.judged is not None:
        lines += wrapped(f"{found.outcome[:1].upper()}{found.outcome[1:]}: {found.figures}", found.note,
                         looks(result.judged))
    for answer in _answers(result):
        lines += ["",
                  *wrapped(answer.question, *answer.said, *([f"Not known: {answer.reason}."] if answer.reason else []))]
        lines += as_text(answer.key) if answer.key.rows else []
        for caption, table in answer.tables:
            lines += ["", *wrapped(caption), *as_text(table)]
        lines += wrapped(*answer.remarks)
    missing = missing_words(result)
    lines += ["", *wrapped("What is not known", *missing, LIMITS, *_notes(result))]
    return "\n".join([*lines, *([f"Stopped: {result.stopped}."] if result.stopped else [])])


def _verdict(result: RiskReport) -> Judgement | None:
    """Return the verdict on the whole without its evidence, which the analysis has."""
    return judgement(result.judged)._replace(evidence=()) if result.judged is not None else None


def _answers(result: RiskReport) -> list[Answer]:
    nothing = Table((), ())
    told, detailed = answers(result), result.format == "detailed"
    return [Answer(
        QUESTIONS[name], said, "" if said else _reason(result, name),
        nothing if result.format == "executive" else key_table(result, name),
        detailed_tables(result, name) if detailed else [], _PICTURES[name],
        _remarks(result, name),
    ) for name, said in told.items()]


def _reason(result: RiskReport, question: str) -> str:
    section = _SECTION.get(question, question)
    if section == "monte_carlo" and result.monte_carlo is not None:
        return result.monte_carlo.no_projection or result.monte_carlo.stopped
    return result.missing.get(section, "not reached")


def _remarks(result: RiskReport, question: str) -> list[str]:
    """Return what the tool of a question says beside its tables."""
    if question in ("period", "next") and result.monte_carlo is not None and result.format != "executive":
        return [_DRAWN]
    part = getattr(result, question, None)
    if part is None or question not in PARTS or result.format != "detailed":
        return []
    content = PARTS[question].content(part)
    if question == "stress":
        return [content["measured"], content["meant"], *content["failures"]]
    return [*content["judged"], *([content["power"]] if content["tests"] else [])]


def _tiles(result: RiskReport) -> list[tuple[str, Any, str]]:
    """Return the figures to begin with: what was, what could come, a bad day, a broken market."""
    level = result.confidence_levels[0]
    shown = (("deepest", "fell", "from a high"), ("next_loss", "next period: loses", "of the paths"),
             ("next_drawdown_1_in_20", "next period: falls", "or deeper, one in 20"),
             (f"var_{level:.6g}", f"bad day, {percent(level)}", "of the account or more"),
             ("worst", "worst scenario: falls", "from where it began"))
    found: Any = result.to_frame().droplevel("section")
    return [(name, cell(f"{found.loc[figure, 'value']:.1f}%"), below) for figure, name, below in shown
            if figure in found.index and not found.loc[figure, "reason"]]


def _notes(result: RiskReport) -> list[str]:
    parts = [getattr(result, section) for section in PARTS]
    return list(dict.fromkeys([*result.notes, *(note for part in parts if part is not None for note in part.notes)]))


def _how(result: RiskReport) -> str:
    drawn = result.monte_carlo.period if result.monte_carlo is not None else None
    paths = f", {drawn.paths.paths:,} paths" if drawn is not None else ""
    runs = f", {len(result.stress.table):,} stress runs" if result.stress is not None else ""
    return f"{', '.join(result.sections)}{paths}{runs}, seed {result.seed}".replace("_", " ")


RISK: Report[RiskReport] = Report(
    _title, _text, _content, "risk/risk_report.html", risk_plots, described,
    lambda result: provenance.run_card(result.run, ("risk", _how(result))),
)
