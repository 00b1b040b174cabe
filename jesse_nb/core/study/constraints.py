"""What a trial must keep to be taken: at least so many trades, a drawdown no deeper than that."""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.metric import Metric, metric_names, resolve_metric
from jesse_nb.exceptions import InputError, MetricError, did_you_mean, shown

if TYPE_CHECKING:
    from jesse_nb.core.study.trial import Trial

__all__ = ["Constraint", "broken", "broken_by_drawdown", "constraints_from_words", "deepest_drawdown",
           "none_satisfies", "parse_constraints", "too_few_trades"]

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

#: One comparison; what follows it (a comma, "and", or just the next name) is left to the next match.
_COMPARISON = re.compile(
    r"(?:^|,|;|\band\b)?\s*(?P<name>[A-Za-z][\w\s/-]*?)\s*(?P<operator><=|>=|<|>|==|=|!=)"
    r"\s*(?P<bound>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)\s*,?"
)

#: Negative in Jesse; in a constraint they are sizes: a drawdown of 25, a largest loss of 100.
_LOSSES = ("max_drawdown", "gross_loss", "largest_losing_trade")

#: What breaking a constraint counts where nobody can say by how much.
_ALL_OF_IT = 1.0

_EXAMPLE = "Write 'trades >= 30' or 'max_drawdown < 25', or give a function that takes the result."


@dataclass(frozen=True)
class Constraint:
    """Something that a run must keep.

    Attributes
    ----------
    text
        As a reader sees it: ``trades >= 30``.
    measure
        Takes a `BacktestResult`; returns 0 where it is kept, else a positive number: by which fraction of
        the bound it is missed (1 where that cannot be said).
    """

    text: str
    measure: Callable[[BacktestResult], float]

    def satisfied(self, result: BacktestResult) -> bool:
        """Whether a run keeps it. A metric that is undefined for the run does not."""
        return self.measure(result) == 0

    @property
    def metric(self) -> Metric | None:
        """What it compares; None for a function."""
        return self.measure.metric if isinstance(self.measure, _Bound) else None


@dataclass(frozen=True)
class _Bound:
    metric: Metric
    operator: str
    bound: float
    size: bool

    def __call__(self, result: BacktestResult) -> float:
        value = self.metric.read(result)
        if self.size:
            value = -value
        if math.isnan(value):
            return _ALL_OF_IT
        if _HOLDS[self.operator](value, self.bound):
            return 0.0
        return max(abs(value - self.bound) / (abs(self.bound) or 1.0), 1e-12)  # the bound itself breaks "<"


@dataclass(frozen=True)
class _Rule:
    name: str
    function: Callable[[BacktestResult], Any]

    def __call__(self, result: BacktestResult) -> float:
        try:
            kept = self.function(result)
        except MetricError:  # of a result that was opened from the record
            raise
        except Exception as error:
            raise MetricError(f"The constraint {shown(self.name)} raised {type(error).__name__}: "
                              f"{' '.join(str(error).split())[:80]}.",
                              "A run without trades has few metrics: read them with .get().") from error
        if not isinstance(kept, bool | np.bool_):
            raise MetricError(f"The constraint {shown(self.name)} returned {shown(str(kept)[:80])}.",
                              "It must return True where the run may be taken, False otherwise.")
        return 0.0 if kept else _ALL_OF_IT


def parse_constraints(constraints: Any) -> tuple[Constraint, ...]:
    """Return the constraints that a user means.

    Parameters
    ----------
    constraints
        A text of one or several comparisons, ``"trades >= 30, max_drawdown < 25"``; a function that
        takes a `BacktestResult` and returns True or False; a `Constraint`; or a list of these. Metrics
        are named as in :func:`~jesse_nb.core.study.metric.resolve_metric` and compared in their own
        unit, ``win_rate > 0.4`` or ``win_rate > 40%``. A drawdown is written as it is spoken of, as
        positive percent: ``max_drawdown < 25`` is no deeper than 25 %. So are ``gross_loss`` and
        ``largest_losing_trade``. A metric that is undefined for a run breaks its constraint.

    Raises
    ------
    InputError
        When it is none of these, or can only be a slip: a negative drawdown, a win rate above 1.
    MetricError
        When no metric has that name.
    """
    if constraints is None:
        return ()
    several = constraints if isinstance(constraints, list | tuple) else [constraints]
    parsed: list[Constraint] = []
    for given in several:
        if isinstance(given, Constraint):
            parsed.append(given)
        elif isinstance(given, str):
            parsed += _comparisons(given)
        elif callable(given):
            name = getattr(given, "__name__", type(given).__name__)
            name = f"constraint {len(parsed) + 1}" if name == "<lambda>" else name
            parsed.append(Constraint(name, _Rule(name, given)))
        else:
            raise InputError(f"A constraint cannot be {shown(given)}.", _EXAMPLE)
    for text, count in Counter(constraint.text for constraint in parsed).items():
        if count > 1:
            raise InputError(f"The constraint {shown(text)} is in the list twice.")
    return tuple(parsed)


def constraints_from_words(words: Sequence[str], names: Mapping[str, Any]) -> list[Any]:
    """Return what a command line says, for :func:`parse_constraints`.

    Parameters
    ----------
    words
        Comparisons, each quoted as one word or not, and names of functions.
    names
        Where functions are looked up; a metric of the same name wins.
    """
    functions = [word for word in words if word not in metric_names() and callable(names.get(word))]
    text = " ".join(word for word in words if word not in functions)
    return [*([text] if text else []), *(names[word] for word in functions)]


def broken(trials: Iterable[Trial], constraints: Sequence[Constraint]) -> dict[str, int]:
    """Return how many trials break each constraint, in the order of ``constraints``."""
    counts = Counter(text for trial in trials for text in trial.violated)
    return {constraint.text: counts[constraint.text] for constraint in constraints}


def none_satisfies(trials: Sequence[Trial], constraints: Sequence[Constraint]) -> list[str]:
    """Say, when no trial with a value keeps all constraints, how often each was broken; else nothing.

    Trials that were stopped for breaking one are counted, too.
    """
    scored = [trial for trial in trials if trial.scored or trial.violated]
    if not scored or any(trial.eligible for trial in scored):
        return []
    counts = sorted(broken(scored, constraints).items(), key=lambda entry: -entry[1])
    parts = [f"{text} was broken by {count:,} of {len(scored):,}" for text, count in counts if count]
    return [f"No trial keeps the constraints, so none is the best: {'; '.join(parts)}."]


def too_few_trades(trials: Sequence[Trial], least: int) -> list[str]:
    """Say how many trials that may be the best rank after others for their few trades; nothing where none does."""
    fit = [trial for trial in trials if trial.eligible]
    few = sum(trial.few_trades for trial in fit)
    if not few:
        return []
    if few == len(fit):
        return [f"No trial made {least:,} trades, so the best is one of fewer, hardly more than chance (min_trades)."]
    return [f"{few:,} of {len(fit):,} trials made fewer than {least:,} trades and rank after all others (min_trades)."]


def deepest_drawdown(constraints: Iterable[Constraint]) -> float | None:
    """Return the drawdown that the constraints allow, as a fraction; None when they allow any.

    Of all bounds it is the one that a run, once it has broken it, can never keep again.
    """
    bounds = [bound / 100 for constraint in constraints if (bound := _drawdown_bound(constraint)) is not None]
    return min(bounds, default=None)


def broken_by_drawdown(constraints: Iterable[Constraint], drawdown: float) -> tuple[float, ...]:
    """Return by how much a drawdown (a fraction) breaks each constraint, as :attr:`Constraint.measure` does.

    For a run that did not come to its end: what else it would have kept or broken is unknown, so 0 stands there.
    """
    bounds = [_drawdown_bound(constraint) for constraint in constraints]
    return tuple(max((drawdown * 100 - bound) / (bound or 1.0), 1e-12)
                 if bound is not None and drawdown * 100 > bound else 0.0 for bound in bounds)


def _drawdown_bound(constraint: Constraint) -> float | None:
    """Return the percent that a drawdown may reach; None where the constraint says nothing of that."""
    rule = constraint.measure
    if isinstance(rule, _Bound) and rule.metric.key == "max_drawdown" and rule.operator in ("<", "<="):
        return rule.bound
    return None


def _comparisons(text: str) -> list[Constraint]:
    found, position = [], 0
    stripped = text.strip()
    while position < len(stripped):
        match = _COMPARISON.match(stripped, position)
        if match is None:
            raise InputError(f"The constraint {shown(stripped[position:])} is not a comparison.", _EXAMPLE)
        found.append(_comparison(match))
        position = match.end()
        while position < len(stripped) and stripped[position].isspace():
            position += 1
    if not found:
        raise InputError("A constraint is empty.", _EXAMPLE)
    return found


def _comparison(match: re.Match[str]) -> Constraint:
    name, sign, bound = " ".join(match["name"].split()), match["operator"], float(match["bound"])
    text = f"{name} {sign} {match['bound']}{match['percent']}"
    if sign not in _HOLDS:
        raise InputError(f"The constraint {shown(text)} compares with {shown(sign)}.", did_you_mean(sign, _HOLDS))
    metric = resolve_metric(name)
    if match["percent"]:
        if metric.unit not in ("percent", "share", "fraction"):
            raise InputError(f"The constraint {shown(text)} is in percent, but {metric.label.lower()} is not.",
                             "Leave the % out.")
        bound = bound / 100 if metric.unit == "fraction" else bound
    if metric.unit == "fraction" and not 0 <= bound <= 1:
        raise InputError(f"The constraint {text!r} is about a fraction from 0 to 1.", f"Write 0.4 or 40% for {name}.")
    size = any(metric is resolve_metric(loss) for loss in _LOSSES)
    if size and bound < 0:
        raise InputError(f"The constraint {shown(text)} is negative.",
                         f"Write it as a size: '{name} < {match['bound'].lstrip('-')}' is no deeper than that.")
    return Constraint(text, _Bound(metric, sign, bound, size))
