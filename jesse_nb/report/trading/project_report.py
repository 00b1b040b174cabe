"""What was written into a Jesse project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.report import Report
from jesse_nb.report.common.tables import Table, cell

if TYPE_CHECKING:
    from jesse_nb.core.tools.trading.to_project import ProjectStrategy

__all__ = ["PROJECT_STRATEGY"]

_HOW = {"defaults": "as the defaults of hyperparameters()", "dna": "as dna(), which Jesse takes before all defaults",
        "nothing": "they were its own already"}


def _title(written: ProjectStrategy) -> str:
    return (f"{written.name} is in the Jesse project" if written.same else
            f"{written.name} was written into the Jesse project, and not run")


def _place(written: ProjectStrategy) -> str:
    project = written.path.parents[2]
    return f"{written.path.relative_to(project).as_posix()} in {project.name}"


def _content(written: ProjectStrategy) -> dict[str, Any]:
    return {"kind": "To a Jesse project" if written.same else "To a Jesse project: written, and not run",
            "name": written.name, "places": _place(written), "period": "", "synthetic": "",
            "explanation": "", "said": [*_said(written), *_command(written)], "notes": (),
            "tables": {"Values": _values(written)} if written.values else {}}


def _said(written: ProjectStrategy) -> Iterator[str]:
    if written.note:
        yield written.note
    yield f"Values: {written.origin}, {_HOW[written.written_as]}." if written.values else "It has no hyperparameters."
    yield f"Chosen on {written.market}."
    yield f"Verdict: {written.verdict.rstrip('.') or 'nothing judged it'}."
    if written.same:
        yield (f"It was simulated as it stands there: {written.trades:,} trades; every fill, sample and metric is the "
               "same to the last bit.")
        if written.other:
            yield "Its text is the one that was given, which differs from the one that had run; its result does not."
    else:
        yield written.remark
    if written.backup is not None:
        yield "What was there before stands beside it, under a name that ends in .bak."


def _command(written: ProjectStrategy) -> Iterator[str]:
    """Yield the line that simulates what was not simulated: whole, to be copied."""
    if written.check:
        yield "To check it, run it there on the market and days of the result" \
              f"{f' ({written.expected})' if written.expected else ''}:"
        yield written.check


def _values(written: ProjectStrategy) -> Table:
    rows = [(cell(name), cell(repr(value))) for name, value in written.values.items()]
    return Table(("", "value"), (*rows, (cell("DNA"), cell(written.dna))))


def _text(written: ProjectStrategy) -> str:
    lines = [_title(written), _place(written), *wrapped(*_said(written)), *_command(written)]
    lines += [f"  {name} = {value!r}" for name, value in written.values.items()]
    return "\n".join([*lines, *([f"  DNA {written.dna}"] if written.dna else [])])


PROJECT_STRATEGY: Report[ProjectStrategy] = Report(_title, _text, _content)
