"""A result's strategy, with the values that were chosen, written into a Jesse project."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jesse_nb.core.calls import well_named
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.pool import local_pool
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.run import versions
from jesse_nb.core.simulator.strategies.dna import encode_dna
from jesse_nb.core.simulator.strategies.standalone import own_text
from jesse_nb.core.simulator.strategies.strategy import read_strategy, resolve_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import registered_strategy
from jesse_nb.core.simulator.strategies.text_edits import (
    declares_nothing,
    with_declaration,
    with_defaults,
    with_dna,
    written_defaults,
)
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.declaration.trading.trading_tools import TO_PROJECT
from jesse_nb.core.tools.trading.asking import check_allowed
from jesse_nb.core.tools.trading.backtest_line import backtest_line
from jesse_nb.core.tools.trading.chosen import ChosenValues, chosen_values
from jesse_nb.core.tools.trading.given_strategy import GivenStrategy, given_strategy
from jesse_nb.core.tools.trading.project_folder import place_of, tried_in, write_strategy
from jesse_nb.core.tools.trading.strategy_file import declaration_of, with_origin
from jesse_nb.core.tools.trading.tried import Places, check_other, check_written
from jesse_nb.core.tools.trials import describe_strategy
from jesse_nb.exceptions import JesseNbError, StrategyError

__all__ = ["ProjectStrategy", "strategy_dna", "to_project"]


@dataclass(frozen=True, repr=False)
class ProjectStrategy(Shown):
    """A strategy that was written into a Jesse project.

    Attributes
    ----------
    name
        Of the strategy there.
    path
        Of its file.
    backup
        Where what was there before stands now; None where nothing was.
    values
        Of all hyperparameters, as Jesse will have them.
    dna
        The same as Jesse's optimizer writes it; empty without hyperparameters.
    written_as
        How the values got into the file: ``defaults``, ``dna`` (a method that Jesse asks first), or ``nothing`` where
        they were the strategy's own.
    same
        True when what was written was simulated, and gave the result to the last bit; False when it was not simulated.
    remark
        Why it was not simulated; empty otherwise.
    origin, market, verdict
        What the values are, where they were chosen, and what the result is worth; empty where nothing judges it.
    key
        Of the result.
    trades
        How many trades were compared.
    other
        Whether the strategy that was given is not what had run, letter for letter; its result is the same.
    note
        Which of several results of one name was taken; empty otherwise.
    check, expected
        Where it was not simulated: the command that does it, on the market and days of the result, and what the record
        says of that run.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> project = pathlib.Path(tempfile.mkdtemp())
    >>> for folder in ("strategies", "storage"):
    ...     (project / folder).mkdir()
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", hyperparameters={"slow": 60})
    >>> written = result.to_project(project)
    >>> written.written_as, written.dna
    ('defaults', 'eyJmYXN0IjogMTIsICJzbG93IjogNjAsICJzdG9wIjogMi41fQ==')
    """

    name: str
    path: Path
    backup: Path | None
    values: dict[str, Any]
    dna: str
    written_as: str
    same: bool
    remark: str
    origin: str
    market: str
    verdict: str
    key: str
    trades: int = field(default=0)
    other: bool = False
    note: str = ""
    check: str = ""
    expected: str = ""


@dataclass(frozen=True)
class _Written:
    text: str
    values: dict[str, Any]
    how: str
    dna: str = ""
    trades: int = 0
    remark: str = ""


@declared(TO_PROJECT)
def to_project(
    result: Any,
    project: str | Path | None = None,
    *,
    name: str | None = None,
    trial: int | None = None,
    window: int | None = None,
    strategy: Any = None,
    overwrite: bool = False,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
) -> ProjectStrategy:
    """Write a result's strategy into a Jesse project, with the chosen values as its defaults.

    The file is ``strategies/NAME/__init__.py``. What the strategy takes from its notebook (imports, helper functions,
    constants) goes with it. Before it takes its place, it is simulated as the project has it: the result must be the
    same to the last bit, otherwise nothing is written. A comment at its top says which result the values are from
    and what that was judged to be.

    Parameters
    ----------
    result
        A backtest, a study, a walk-forward, or the name or key of a kept one.
    project
        The Jesse project's folder; by default the working directory.
    name
        Of the strategy there; by default its own.
    trial
        Of a study, by number; by default its best one.
    window
        Of a walk-forward, by number; by default the last one that chose something.
    strategy
        The class, or its source text, where this process was not given it yet: after a kernel's restart. Where it is
        not what had run, letter for letter, its result decides: every run of the result with these values must be the
        same to the last bit. Code that only a record holds is written, but not run.
    overwrite
        Replace a strategy of that name without a question; a copy of what was there stays beside it.
    candles, store
        Where the candles of the result are, and finished runs; by default where tools keep them.

    Returns
    -------
    ProjectStrategy

    Raises
    ------
    InputError
        When there is no such project, trial or window; when the name is not that of a class; when the file exists and
        nobody allows to replace it.
    StrategyError
        When the strategy cannot be written as a file of its own, or does not do the same there: nothing is written.
    StorageError
        When the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> project = pathlib.Path(tempfile.mkdtemp())
    >>> for folder in ("strategies", "storage"):
    ...     (project / folder).mkdir()
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", hyperparameters={"fast": 8})
    >>> written = jn.to_project(result, project, name="Follower")
    >>> written.values, written.same
    ({'fast': 8, 'slow': 50, 'stop': 2.5}, True)
    >>> written.path.relative_to(project).as_posix()
    'strategies/Follower/__init__.py'
    """
    chosen = chosen_values(result, trial, window)
    target = place_of(name or chosen.strategy.name, project)
    given = given_strategy(chosen.strategy, strategy, target.parents[2])
    if target.exists() and not overwrite:
        check_allowed(f"{target} exists. Replace it, after copying it beside itself? [y/N] ", argument="overwrite",
                      said=f"{target} exists")
    try:
        made, refused = _made(given, target, chosen, (candles, store)), ""
    except JesseNbError as error:
        if not given.tried:
            raise
        given, refused = GivenStrategy(chosen.strategy, None), error.message
        made = _made(given, target, chosen, (candles, store))
    backup = write_strategy(target, made.text)
    called = target.parent.name
    if given.code is not None:
        resolve_strategy(called, target.parents[2])
    return ProjectStrategy(called, target, backup, made.values, made.dna, made.how, not made.remark,
                           f"{refused} {made.remark}".strip(), chosen.origin, chosen.market, chosen.verdict, chosen.key,
                           made.trades, given.other, chosen.note,
                           *(_check(called, target, chosen, candles) if made.remark else ()))


@well_named
def strategy_dna(
    result: Any, *, trial: int | None = None, window: int | None = None, strategy: Any = None
) -> str:
    """Return the chosen values of a result as DNA, as Jesse's optimizer writes it.

    A strategy's ``dna()`` may return it: Jesse then takes its values in place of all defaults, so it spells out those,
    too, which were not searched.

    Parameters
    ----------
    result, trial, window, strategy
        As in :func:`to_project`.

    Raises
    ------
    InputError
        When there is no such trial or window, or no value at all.
    StrategyError
        When values that were not searched are needed, and the strategy is not known to this process.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-04-01", hyperparameters={"fast": 8})
    >>> jn.strategy_dna(result)
    'eyJmYXN0IjogOCwgInNsb3ciOiA1MCwgInN0b3AiOiAyLjV9'
    """
    chosen = chosen_values(result, trial, window)
    given = given_strategy(chosen.strategy, strategy, None)
    try:
        if given.code is not None:
            return encode_dna(_all_values(given, chosen))
    except JesseNbError:
        if not given.tried:
            raise
    text = own_text(chosen.strategy, None, chosen.strategy.name)
    return encode_dna(_unrun(text, chosen.strategy.name, chosen).values)


def _all_values(given: GivenStrategy, chosen: ChosenValues) -> dict[str, Any]:
    """Return the values of all hyperparameters, those that were not searched as the strategy declares them."""
    code = resolve_strategy(given.code, (registered_strategy(given.ref.hash) or (None, None))[1])
    own = describe_strategy(local_pool(), code, lambda: False, chosen.spec.routes[0]).defaults
    values = {**own, **chosen.values}
    if given.other:
        check_other(chosen, given, code, (None, None), values)
    return values


def _check(name: str, target: Path, chosen: ChosenValues, candles: CandleStore | None) -> tuple[str, str]:
    """Return the command that simulates what was written, and what is to come of it; of rewritten candles none can."""
    if chosen.spec.pipeline is not None:
        return "", ""
    line = f"jesse-nb backtest {backtest_line(chosen.spec, name, project=str(target.parents[2].resolve()))}"
    if candles is not None and candles.root != CandleStore().root:
        line += f" --candles {shlex.quote(str(candles.root))}"
    if chosen.run is None or "net_profit_percentage" not in chosen.run.metrics:
        return line, ""
    return line, f"{len(chosen.run.trades):,} trades, net profit {chosen.run.metrics['net_profit_percentage']:+,.2f}%"


def _made(given: GivenStrategy, target: Path, chosen: ChosenValues, places: Places) -> _Written:
    """Return what is to be written, after it was simulated where its code may be run."""
    name = target.parent.name
    text = own_text(given.ref, given.code, name)
    written = _unrun(text, name, chosen) if given.code is None else _with_values(text, name, target, chosen)
    dna = encode_dna(written.values) if written.values else ""
    file = with_origin(written.text, chosen, dna, versions()["jesse_nb"], written.values, other=given.other)
    trades, remark = 0, (f"The code of {given.ref.name} is in the record only, and was not run: read the file, or give "
                         "your own (strategy=, --strategy) to have it simulated there.")
    if given.code is not None:
        trades, remark = check_written(file, target, chosen, given, places)
    return replace(written, text=file, dna=dna, trades=trades, remark=remark)


def _with_values(text: str, name: str, target: Path, chosen: ChosenValues) -> _Written:
    """Return the text with the values in it; the strategy itself is asked what comes of that."""
    declares = _described(text, name, target, chosen)
    if not chosen.values:
        return _Written(text, declares.defaults, "nothing")
    values = {**declares.defaults, **chosen.values}
    changed = with_defaults(text, name, chosen.values)
    if not declares.hyperparameters and not declares.defaults:
        changed = with_declaration(text, name, declaration_of(values, chosen.space))
    for tried, how in ((changed, "defaults"), (with_dna(changed or text, name, encode_dna(values)), "dna")):
        if tried is not None and repr(sorted(_described(tried, name, target, chosen).defaults.items())) \
                == repr(sorted(values.items())):
            return _Written(tried, values, how)
    raise StrategyError(f"The values of {name} cannot be written into it: it does not take them from "
                        "hyperparameters() or dna().", "strategy_dna gives them as one text.")


def _unrun(text: str, name: str, chosen: ChosenValues) -> _Written:
    """Return the text with the values in it, judged by reading it alone."""
    if declares_nothing(text, name) and chosen.values:
        return _Written(with_declaration(text, name, declaration_of(chosen.values, chosen.space)), chosen.values,
                        "defaults")
    own = {} if declares_nothing(text, name) else written_defaults(text, name)
    changed = with_defaults(text, name, chosen.values) if own else text
    if own is None or changed is None:
        raise StrategyError(f"What {name} declares cannot be read without running it, and its code is in the record "
                            "only.", f"Run the cell that defines it, then give it: strategy={chosen.strategy.name}.")
    return _Written(changed, {**own, **chosen.values}, "defaults" if chosen.values else "nothing")


def _described(text: str, name: str, target: Path, chosen: ChosenValues) -> Any:
    with tried_in(target, text) as root:
        code = read_strategy(name, root)
        return describe_strategy(local_pool(), code, lambda: False, chosen.spec.routes[0])
