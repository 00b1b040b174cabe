"""The parameter sets of a batch: what a user gives in place of one set of hyperparameters."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.studies.ranking import best_trials
from jesse_nb.core.members import members_of
from jesse_nb.core.simulator.strategies.dna import decode_base64_dna, is_legacy_dna
from jesse_nb.core.study.literal import literal
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import InputError, shown

__all__ = ["DEFAULTS", "ParameterSet", "ParameterSets", "is_dna", "parameter_sets", "params_from_words"]

#: The label of the strategy's own values.
DEFAULTS = "defaults"

#: How Jesse's CSV names the columns of decoded values.
_DECODED = "parameters."


@dataclass(frozen=True)
class ParameterSet:
    """Hyperparameters of one configuration.

    Attributes
    ----------
    label
        What tells it from the others of its batch.
    values
        By name; empty for the strategy's own.
    dna
        Old DNA, which only means something to a strategy; ``values`` is empty then.
    """

    label: str
    values: Mapping[str, Any] = field(default_factory=dict)
    dna: str = ""


class ParameterSets:
    """Distinct parameter sets, counted before they are made: a grid may be too large to write down.

    Attributes
    ----------
    count
        How many there are.
    repeated
        How many more were given that equal one of them.
    notes
        What a reader of the result should know about where they come from.
    """

    def __init__(self, sets: Iterable[ParameterSet], count: int, repeated: int = 0, notes: Sequence[str] = ()) -> None:
        self._sets = sets
        self.count = count
        self.repeated = repeated
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ParameterSet]:
        return iter(self._sets)


def parameter_sets(params: Any, top: int = 10) -> ParameterSets:
    """Return the parameter sets that a user means.

    Parameters
    ----------
    params
        - None: the strategy's own values.
        - A list of dicts, of DNA texts of Jesse's optimizer, or of both.
        - A dict of name to values: a grid, every combination of the values.
        - An `OptimizeResult`, or what ``jesse.research.optimize`` returned: its best trials.
        - The path of the CSV that Jesse's genetic optimizer wrote (``storage/genetics/csv``).
        - A text with one DNA or several, as Jesse's dashboard copies them.
    top
        Of trials or a CSV's rows, how many of the best are taken.

    Raises
    ------
    InputError
        When it is none of these, or nothing is in it.
    """
    if params is None:
        return _listed([{}])
    if isinstance(params, OptimizeResult):
        return _of_trials(params, top)
    if isinstance(params, Mapping):
        if isinstance(params.get("best_trials"), list):
            return _of_jesse_trials(params["best_trials"], top)
        return _grid(params)
    if isinstance(params, Path) or (isinstance(params, str) and params.strip().lower().endswith(".csv")):
        return _of_csv(user_path(params, "params"), top)
    if isinstance(params, str):
        return _listed(params.split())
    if isinstance(params, Iterable):
        return _listed(members_of("params", params))
    raise InputError.of("params", f"is {shown(params)}.", "Give a list of dicts, a dict of name to values, an optimize "
                                                  "result, DNA texts or the path of a CSV.")


def params_from_words(words: Sequence[str]) -> Any:
    """Return what a command line says: ``fast=5,10 slow=30,60`` as a grid; a CSV's path or DNA as it is written.

    Raises
    ------
    InputError
        When a word of a grid is not ``name=value,value``.
    """
    if not any("=" in word for word in words) or all(is_dna(word) for word in words):
        return words[0] if len(words) == 1 else list(words)
    grid = {}
    for word in words:
        name, equals, texts = word.partition("=")
        if not (name and equals and all(texts.split(","))):
            raise InputError.of("params", f"takes NAME=VALUE,VALUE, not {shown(word)}.", "Write fast=5,10 slow=30,60.")
        grid[name] = [literal(text) for text in texts.split(",")]
    return grid


def is_dna(text: str) -> bool:
    """Tell whether a text is DNA that spells its values out."""
    return text.isascii() and decode_base64_dna(text) is not None


def _grid(grid: Mapping[Any, Any]) -> ParameterSets:
    if not grid:
        raise InputError.of("params", "is an empty grid.", "Write params=dict(fast=[5, 10], slow=[30, 60]); "
                                                        "leave params out for the strategy's own values.")
    axes: dict[str, list[Any]] = {}
    repeated = False
    for name, values in grid.items():
        several = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
        given = members_of("params", values) if several else [values]
        axes[str(name)] = list({_identity(value): value for value in given}.values())
        repeated |= len(axes[str(name)]) < len(given)
        if not given:
            raise InputError(f"The grid has no values for {str(name)!r}.", f"Write {name}=[10, 20].", argument="params")
    notes = ["The grid names some values more than once; each is used once."] if repeated else []
    return ParameterSets(_Combinations(axes), math.prod(map(len, axes.values())), notes=notes)


@dataclass(frozen=True)
class _Combinations:
    """Every combination of a grid's values, made when it is asked for."""

    axes: Mapping[str, Sequence[Any]]

    def __iter__(self) -> Iterator[ParameterSet]:
        varied = [name for name, values in self.axes.items() if len(values) > 1] or list(self.axes)
        texts = {name: dict(zip(map(_identity, self.axes[name]), _texts(self.axes[name]), strict=True))
                 for name in varied}
        for combination in itertools.product(*self.axes.values()):
            values = dict(zip(self.axes, combination, strict=True))
            yield ParameterSet(", ".join(f"{name}={texts[name][_identity(values[name])]}" for name in varied), values)


def _listed(entries: Sequence[Any], notes: Sequence[str] = (), labels: Sequence[str] = ()) -> ParameterSets:
    """Return sets given one by one; those without a label are named after the values they differ in."""
    if not entries:
        raise InputError.of("params", "is empty.", "Give at least one set; {} means the strategy's own values.")
    named = [_one(entry) for entry in entries]
    if labels:
        named = [replace(one, label=label) for one, label in zip(named, labels, strict=True)]
    distinct = list({_identity([one.dna, dict(one.values)]): one for one in reversed(named)}.values())[::-1]
    if not labels:
        distinct = _labelled(distinct)
    return ParameterSets(distinct, len(distinct), len(named) - len(distinct), notes)


def _one(entry: Any) -> ParameterSet:
    if isinstance(entry, Mapping):
        return ParameterSet("", {str(name): value for name, value in entry.items()})
    if not isinstance(entry, str):
        raise InputError(f"A parameter set cannot be {shown(entry)}.", "It is a dict of name to value, or a DNA text.",
                         argument="params")
    dna = entry.strip()
    if is_dna(dna):
        return ParameterSet("", decode_base64_dna(dna) or {})
    if is_legacy_dna(dna):
        return ParameterSet(f"DNA {dna}", dna=dna)
    raise InputError(f"{shown(entry)} is no DNA of Jesse's optimizer.",
                     "DNA is base64 text, or one character from ( to w a hyperparameter.", argument="params")


def _of_trials(result: OptimizeResult, top: int) -> ParameterSets:
    best = best_trials(result.trials, result.metrics, top)
    if not best:
        raise InputError.of("params", "is an optimize result in which no trial has a value.")
    fixed, route = result.spec.hyperparameters, result.spec.routes[0]
    note = (f"The parameters are the best {len(best)} of {len(result.trials)} trials of an optimization on "
            f"{route.symbol} {route.timeframe} from {utc_text(result.spec.start)} to {utc_text(result.spec.end)}: "
            "on that market and in that time they were chosen with hindsight.")
    return _listed([{**fixed, **trial.params} for trial in best], [note],
                   [f"trial {trial.number}" for trial in best])


def _of_jesse_trials(trials: Sequence[Any], top: int) -> ParameterSets:
    chosen = trials[:top]
    if not all(isinstance(trial, Mapping) and "params" in trial and "trial" in trial for trial in chosen):
        raise InputError.of("params", "looks like a result of jesse.research.optimize, but its trials have no params.")
    return _listed([trial["params"] for trial in chosen],
                   [f"The parameters are the best {len(chosen)} trials of jesse.research.optimize."],
                   [f"trial {trial['trial']}" for trial in chosen])


def _of_csv(path: Path, top: int) -> ParameterSets:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"The CSV {path} cannot be read: {reason}.", argument="params") from error
    if "dna" not in columns and not any(name.startswith(_DECODED) for name in columns):
        raise InputError(f"{path} has no column dna and none that begins with {shown(_DECODED)}.",
                         "Give the CSV that Jesse's optimizer wrote under storage/genetics/csv.", argument="params")
    ranked = sorted(rows, key=_fitness, reverse=True)  # stable: rows without a fitness keep their order
    found: dict[str, Any] = {}
    for row in ranked:  # Jesse writes its whole leading group again and again
        entry = _values_of(row) or (row.get("dna") or "").strip()
        if entry:
            found.setdefault(_identity(entry), entry)
    if not found:
        raise InputError(f"{path} has no row with parameters.", argument="params")
    chosen = list(found.values())[:top]
    return _listed(chosen, [f"The parameters are the best {len(chosen)} of {len(found)} distinct ones in {path.name}."])


def _fitness(row: Mapping[str, Any]) -> float:
    try:
        fitness = float(row.get("fitness") or "nan")
    except ValueError:
        return -math.inf
    return fitness if math.isfinite(fitness) else -math.inf


def _values_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(_DECODED): literal(text) for name, text in row.items()
            if isinstance(name, str) and name.startswith(_DECODED) and isinstance(text, str) and text != ""}


def _labelled(sets: Sequence[ParameterSet]) -> list[ParameterSet]:
    """Name sets after the values in which they differ."""
    names = list(dict.fromkeys(name for parameter_set in sets for name in parameter_set.values))
    varied = [name for name in names
              if len({_identity(parameter_set.values.get(name, math.nan)) for parameter_set in sets}) > 1]
    written: list[dict[str, str]] = [{} for _ in sets]
    for name in varied or names:
        having = [number for number, parameter_set in enumerate(sets) if name in parameter_set.values]
        for number, text in zip(having, _texts([sets[number].values[name] for number in having]), strict=True):
            written[number][name] = text
    labels = [", ".join(f"{name}={text}" for name, text in texts.items()) or DEFAULTS for texts in written]
    return [parameter_set if parameter_set.dna else replace(parameter_set, label=label)
            for parameter_set, label in zip(sets, labels, strict=True)]


def _texts(values: Sequence[Any]) -> list[str]:
    """Write values briefly, but with all digits where that could not tell two of them apart."""
    brief = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in values]
    return brief if len(set(brief)) == len(set(map(_identity, values))) else [repr(value) for value in values]


def _identity(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, pd.Timestamp | Path):
        return str(value)
    return repr(value)
