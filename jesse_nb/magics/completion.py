"""Tab completion on the lines of the magics: flags, and the values that a flag can take."""

# IPython is not fully typed
# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from jesse_nb.core.tools.declaration.parameter import MAGIC, Parameter
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import parameters_named, tool_of_magic
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.analyze import results_in
from jesse_nb.magics.candles.candles import ACTIONS
from jesse_nb.magics.cell import strategies_in
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.jobs import JOB_ACTIONS, job_ids
from jesse_nb.magics.panel.panel_tables import panel_names

__all__ = ["make_matcher", "values_of"]

Matcher = Callable[[CompletionContext], SimpleMatcherResult]

_MAGIC_LINE = re.compile(r"\s*(?:[\w, ]+=\s*)?%%?(?P<magic>\w+)\s(?P<rest>.*)$")

#: What lines of magics begin with that are no tool's.
_FIRST_WORDS: dict[str, Callable[[], Sequence[str]]] = {
    "candles": lambda: ACTIONS, "jobs": lambda: JOB_ACTIONS, "panel": panel_names}


def make_matcher(
    shell: InteractiveShell, settings: JesseNb, magics: Mapping[str, Callable[..., Any]]
) -> Matcher:
    """Return a completer for ``shell.Completer.custom_matchers``.

    Parameters
    ----------
    shell
        Whose variables are offered.
    settings
        Says where the candles are.
    magics
        The magics by name, decorated with ``magic_arguments``.
    """

    @context_matcher(identifier="jesse_nb")
    def complete(context: CompletionContext) -> SimpleMatcherResult:
        line = _MAGIC_LINE.match(context.text_until_cursor)
        if line is None or line["magic"] not in magics:
            return {"completions": []}  # type: ignore[typeddict-item]  # the others are optional
        words = line["rest"].split()
        token = words.pop() if words and not line["rest"].endswith(" ") else ""
        magic: Any = magics[line["magic"]]
        place = _place(getattr(magic, "tool", None))
        offered = _Offer(shell, settings, line["magic"], magic.parser, words, place).completions(token)
        found = [
            _completion(text, kind, token, context.token)
            for text, kind in offered
            if text.lstrip('"').casefold().startswith(token.lstrip('"').casefold())
        ]
        return {"completions": found, "suppress": bool(found), "ordered": True}  # type: ignore[typeddict-item]

    return cast("Matcher", complete)


def values_of(
    shell: InteractiveShell, settings: JesseNb, parser: argparse.ArgumentParser, words: list[str], option: str
) -> list[str]:
    """Return what an option can be, after these words of the line, by its name in Python."""
    return list(_Offer(shell, settings, "", parser, words)._values(option, ""))


def _place(tool: Tool | None) -> Parameter | None:
    """Return what a tool's line has a place for before all flags."""
    return next((parameter for parameter in tool.on(MAGIC) if parameter.positional), None) if tool is not None else None


def _completion(text: str, kind: str, token: str, ipython_token: str) -> SimpleCompletion:
    """IPython cuts words in its own way (at a colon, say) and wants only what follows the last cut."""
    return SimpleCompletion(text[max(len(token) - len(ipython_token), 0) :], type=kind)


class _Offer:
    """What can stand at one place of one magic's line."""

    def __init__(
        self,
        shell: InteractiveShell,
        settings: JesseNb,
        magic: str,
        parser: argparse.ArgumentParser,
        words: list[str],
        place: Parameter | None = None,
    ) -> None:
        self._place = place
        self._shell = shell
        self._settings = settings
        self._magic = magic
        self._actions: dict[str, argparse.Action] = parser._option_string_actions
        self._words = words
        self._tool = tool_of_magic(parser.prog)

    def completions(self, token: str) -> list[tuple[str, str]]:
        """Return candidates and what kind each is."""
        if token.startswith("-"):
            return [(flag, "param") for flag in self._flags()]
        option = self._option_before()
        if option is not None:
            return [(value, "value") for value in self._values(option.dest, token)]
        return [(name, "value") for name in self._first_words()] or [
            (flag, "param") for flag in self._flags()
        ]

    def _flags(self) -> list[str]:
        """Long flags that the line does not have yet."""
        used = {self._actions[word].dest for word in self._words if word in self._actions}
        return [
            flag
            for flag, action in self._actions.items()
            if flag.startswith("--") and action.dest not in used
        ]

    def _option_before(self) -> argparse.Action | None:
        """Return the option whose value is being written, if one is."""
        for distance, word in enumerate(reversed(self._words)):
            if word.startswith("-"):
                action = self._actions.get(word)
                takes_value = action is not None and (
                    (action.nargs is None and distance == 0) or action.nargs in ("+", "*")
                )
                return action if takes_value else None
        return None

    def _first_words(self) -> Iterable[str]:
        offers = self._place.reader.offers if self._place is not None else ""
        if offers == "results":  # options without a value may come before it
            results = results_in(self._shell.user_ns)
            return () if set(results) & set(self._words) else results
        several = self._place is not None and self._place.positional == "*"
        if offers in ("inputs", "parts") and self._place is not None:
            return [name for name in self._values(self._place.name, "") if name not in self._words]
        if offers == "strategies" and (not self._words or several) \
                and not any(word.startswith("-") for word in self._words):
            return self._strategies()
        if self._words:
            if self._magic == "candles" and self._words[0] in ("delete", "check", "export", "to-database"):
                return self._stored("symbol")
            return job_ids(self._words[0]) if self._magic == "jobs" and self._words[0] in JOB_ACTIONS[1:] else ()
        return _FIRST_WORDS[self._magic]() if self._magic in _FIRST_WORDS else ()

    def _values(self, option: str, token: str) -> Iterable[str]:
        # what other magics call so is the same
        own = [parameter.reader
               for parameter in (self._tool.on(MAGIC) if self._tool is not None else ()) if parameter.name == option]
        declared = own or [parameter.reader for parameter in parameters_named(option)]
        if not declared:
            return ()
        suggested = next((reader.suggested for reader in declared if reader.suggested), ())
        if suggested:
            return suggested
        offers: dict[str, Callable[[], Iterable[str]]] = {
            "symbols": lambda: self._stored("symbol"),
            "inputs": lambda: [*self._stored("symbol"), *results_in(self._shell.user_ns)],
            "parts": lambda: results_in(self._shell.user_ns),
            "routes": lambda: self._routes(token),
            "exchanges": lambda: self._stored("exchange"),
            "timeframes": _timeframes,
            "strategies": self._strategies,
            "metrics": _metrics,
            "studies": self._studies,
            "clusters": lambda: ("ray", "ray://"),
        }
        return next((offers[reader.offers]() for reader in declared if reader.offers in offers), ())

    def _routes(self, token: str) -> Iterable[str]:
        """Return symbols, and after a colon the timeframes that can follow it."""
        symbol, colon, _ = token.partition(":")
        return [f"{symbol}:{timeframe}" for timeframe in _timeframes()] if colon else self._stored("symbol")

    def _stored(self, what: str) -> list[str]:
        """Return stored symbols or exchanges, of the other one that the line names if it does."""
        from jesse_nb.core.candles import CandleStore

        try:
            found = CandleStore(self._settings.candles).list()
        except JesseNbError:
            return []
        if what == "exchange":
            return sorted({_quoted(series.exchange) for series in found})
        line = " ".join(self._words)
        exchanges = {series.exchange for series in found}
        named = {exchange for exchange in exchanges if "--exchange" in self._words and exchange in line}
        return sorted({series.symbol for series in found if series.exchange in (named or exchanges)})

    def _strategies(self) -> list[str]:
        from jesse_nb.core.simulator.strategies.strategy import project_strategies

        return sorted({*strategies_in(self._shell.user_ns), *project_strategies(self._settings.project)})

    def _studies(self) -> list[str]:
        from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

        return [
            name
            for name, value in self._shell.user_ns.items()
            if isinstance(value, OptimizeResult) and not name.startswith("_")
        ]


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _timeframes() -> Iterable[str]:
    from jesse_nb.core.times import TIMEFRAME_MINUTES

    return TIMEFRAME_MINUTES


def _metrics() -> Iterable[str]:
    from jesse_nb.core.study.metric import metric_names

    return metric_names()
