"""Readers of what is searched and how it is judged: hyperparameters, spaces, metrics, constraints, earlier results."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jesse_nb.core.study.literal import literal
from jesse_nb.core.tools.declaration.reader import Desk, Reader
from jesse_nb.core.tools.declaration.results import named_or_kept
from jesse_nb.core.tools.declaration.values import Text
from jesse_nb.exceptions import InputError, shown

__all__ = ["Benchmark", "Constraints", "Metric", "Pipeline", "Sets", "Space", "Study", "Values"]


class Values(Reader):
    """Hyperparameters by name: ``fast=5 use=false``, or an expression that gives a dict."""

    many, repeats, evaluates = "+", True, True
    metavar, python = "NAME=VALUE", "Mapping[str, Any] | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        if words[0].startswith("{"):
            raise InputError.of(name, "takes name=value pairs, or an expression without braces: study.best_params.")
        if len(words) == 1 and "=" not in words[0] and (desk.evaluator is not None or words[0] in desk.names):
            value = desk.evaluate(name, words[0])
            if not isinstance(value, Mapping):
                raise InputError.of(name, f"takes NAME=VALUE pairs or a dict, but {shown(words[0])} is {shown(value)}.")
            return dict(value)
        values: dict[str, Any] = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not (equals and key.isidentifier() and text):
                raise InputError.of(name, f"takes NAME=VALUE pairs, not {shown(word)}.")
            if key in values:
                raise InputError.of(name, f"gives {shown(key)} twice.")
            values[key] = literal(text)
        return values

    def check(self, name: str, value: Any) -> dict[str, Any]:
        """See :meth:`Reader.check`."""
        if not isinstance(value, Mapping):
            raise InputError.of(name, f"is {shown(value)}.", "Write dict(name=value, ...).")
        return dict(value)


class Space(Reader):
    """Which parameters are varied: ``fast=5:30 mode=a,b``, or an expression that gives a space."""

    many, evaluates, field = "+", True, "space"
    metavar = "NAME=LOW:HIGH[:STEP]"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        alone = len(words) == 1 and "=" not in words[0]
        return desk.evaluate(name, words[0]) if alone else " ".join(words)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.study.space import Space as ParameterSpace

        return ParameterSpace.parse(value)


@dataclass(frozen=True)
class Metric(Reader):
    """What is optimized: names of several words too, or functions of a result by their name; one, or ``several``."""

    several: bool = True
    many = "+"
    metavar, field, offers = "METRIC", "suggest", "metrics"
    names = True

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        from jesse_nb.core.study.metric import Metric as Known
        from jesse_nb.core.study.metric import metric_names

        known = set(metric_names())

        def chosen(word: str) -> Any:
            value = None if word in known else desk.names.get(word)
            return value if callable(value) or isinstance(value, Known) else word

        found = [chosen(word) for word in _joined(words, known)]
        return found[0] if len(found) == 1 else found

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.study.metric import resolve_metrics

        if len(resolve_metrics(value)) > 1 and not self.several:
            raise InputError.of(name, f"is {shown(value)}.", "Give one metric.")
        return value[0] if isinstance(value, list) and not self.several else value


class Constraints(Reader):
    """What the best must keep: ``trades >= 30``, or functions of a result by their name."""

    many, repeats = "+", True
    metavar = "RULE"
    names = True

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        from jesse_nb.core.study.constraints import constraints_from_words

        return constraints_from_words(words, desk.names)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.study.constraints import parse_constraints

        parse_constraints(value)
        return value


class Sets(Reader):
    """Parameter sets of a batch: a grid ``fast=5,10``, a CSV, DNA, or an expression."""

    many, evaluates, offers = "+", True, "studies"
    metavar = "NAME=VALUE,VALUE"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        from jesse_nb.core.simulator.strategies.dna import is_legacy_dna
        from jesse_nb.core.tools.batch.parameter_sets import is_dna, params_from_words

        word = words[0]
        if len(words) > 1 or "=" in word or word.lower().endswith(".csv") or is_dna(word):
            return params_from_words(words)
        named = word.partition(".")[0].partition("[")[0] in desk.names
        return word if not named and is_legacy_dna(word) else desk.evaluate(name, word)


class Study(Reader):
    """The result of an earlier optimization, or the name or key of a kept one."""

    evaluates, field, offers = True, "choice", "studies"
    metavar, python = "STUDY", "OptimizeResult | str | None"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return named_or_kept(name, words[0], desk)

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

        if isinstance(value, str):
            return Text("STUDY", 200).check(name, value)
        if not isinstance(value, OptimizeResult):
            raise InputError.of(name, f"is {type(value).__name__}.",
                                "It is the result of an earlier optimize, or the name of a kept one.")
        return value


class Benchmark(Reader):
    """What is compared with: symbols, or variables that hold a Series of daily prices."""

    many, evaluates, offers = "+", True, "symbols"
    metavar = "SYMBOL"

    def words(self, name: str, words: Sequence[str], desk: Desk) -> Any:
        """See :meth:`Reader.words`."""
        return [self._one(name, word, desk) for word in words]

    def _one(self, name: str, word: str, desk: Desk) -> Any:
        import pandas as pd

        if not (word in desk.names or "." in word or "[" in word):
            return word
        value = desk.evaluate(name, word)
        if not isinstance(value, pd.Series):
            raise InputError.of(name, f"takes symbols and Series of prices, but {word} is {type(value).__name__}.",
                                "What is analyzed comes first on the line.")
        return value


class Pipeline(Reader):
    """How candles are rewritten: the name of a pipeline, or one with its settings."""

    metavar, python = "NAME", "CandlePipeline | str | None"

    def check(self, name: str, value: Any) -> Any:
        """See :meth:`Reader.check`."""
        from jesse_nb.core.simulator.pipeline import CandlePipeline

        if isinstance(value, str):
            return CandlePipeline(value)
        if not isinstance(value, CandlePipeline):
            raise InputError.of(name, f"is {shown(value)}.", "It is a CandlePipeline, or the name of one.")
        return value


def _joined(words: Sequence[str], known: Container[str]) -> list[str]:
    """Put neighbouring words together where that makes a known name, the longest first."""

    def name(size: int) -> str:
        return "_".join(words[:size]).casefold().replace("-", "_")

    if not words:
        return []
    size = next((size for size in (3, 2) if len(words) >= size and name(size) in known), 1)
    return [name(size) if size > 1 else words[0], *_joined(words[size:], known)]


