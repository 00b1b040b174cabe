"""What is to be written, simulated as the project would have it, and compared with the result to the last bit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, read_strategy
from jesse_nb.core.simulator.strategies.strategy_registry import is_registered
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.request import Request
from jesse_nb.core.tools.resimulate.rerun import prepare_again, request_again
from jesse_nb.core.tools.trading.backtest_line import backtest_line
from jesse_nb.core.tools.trading.chosen import ChosenValues
from jesse_nb.core.tools.trading.given_strategy import GivenStrategy
from jesse_nb.core.tools.trading.project_folder import tried_in
from jesse_nb.core.tools.trading.same_result import first_difference, run_alone, with_code
from jesse_nb.exceptions import JesseNbError, SimulationError, StrategyError

__all__ = ["check_other", "check_written"]

#: Where the candles of a result are, and finished runs.
Places = tuple[CandleStore | None, str | Path | RunStore | None]


def check_written(
    text: str, target: Path, chosen: ChosenValues, given: GivenStrategy, places: Places
) -> tuple[int, str]:
    """Simulate what is to be written; return how many trades were the same, and why it was not simulated.

    Code that is not what had run is not let pass without it: all runs of the result with these values must be the
    same, its held-out one, too.

    Raises
    ------
    StrategyError
        When it fails, or does otherwise.
    """
    name = target.parent.name
    if given.other:
        with tried_in(target, text) as root, _plainly(name):
            return check_other(chosen, given, read_strategy(name, root), places), ""
    if chosen.spec.pipeline is not None:
        return 0, "The result is of rewritten candles, so what was written was not simulated."
    candles, store = places
    try:
        request = request_again(chosen.spec, candles=candles, store=store)
        before = chosen.run
        if before is None:
            before = run_alone(request, prepare_again(request, chosen.spec)).to_result(chosen.spec)
        prepare_again(request, chosen.spec)
    except JesseNbError as error:
        return 0, f"What was written was not simulated: {error}"
    with tried_in(target, text) as root, _plainly(name):
        again = with_code(request, read_strategy(name, root))
        after = run_alone(again, prepare_again(again, chosen.spec))
        differs = first_difference(before, after)
    if differs:
        raise StrategyError(f"As a file of its own, {name} does not do the same: {differs}.",
                            "Nothing was written. It takes something from where it ran: a file, a clock, a name.")
    return len(before.trades), ""


def check_other(
    chosen: ChosenValues, given: GivenStrategy, code: StrategyCode, places: Places, values: Any = None
) -> int:
    """Simulate code that is not what had run, letter for letter; return how many trades were the same.

    Parameters
    ----------
    chosen, given
        What was chosen; what was given for its strategy.
    code
        What is simulated.
    places
        Where the candles of the result are, and finished runs.
    values
        Of hyperparameters; without them they are in the code.

    Raises
    ------
    StrategyError
        When its result is another one, or nothing can tell.
    """
    try:
        runs = _runs(chosen, code, places)
        requests = [_request(run, code, places) for run in runs]
        for run, request in zip(runs, requests, strict=True):
            prepare_again(request, run.spec)
    except JesseNbError as error:
        raise StrategyError(f"{_given_name(given)} is not, letter for letter, the {chosen.strategy.name} that had run, "
                            f"and whether it does the same cannot be found out: {error}", "Nothing was written.") \
            from error
    for run, request in zip(runs, requests, strict=True):
        again = with_code(request, code, values)
        after = run_alone(again, prepare_again(again, run.spec))
        differs = first_difference(run, after)
        if differs:
            raise _does_otherwise(chosen, given, run, after.to_result(run.spec), differs)
    return len(runs[0].trades)


def _request(run: BacktestResult, code: StrategyCode, places: Places) -> Request:
    return request_again(run.spec, candles=places[0], store=places[1], code=code)


def _runs(chosen: ChosenValues, code: StrategyCode, places: Places) -> list[BacktestResult]:
    """Return the runs that are compared: as they were kept; without that one that this process may repeat.

    Raises
    ------
    StrategyError
        When nothing can be compared.
    """
    if chosen.spec.pipeline is not None:
        raise StrategyError("The result is of rewritten candles.")
    first = chosen.run
    if first is None:
        request = request_again(chosen.spec, candles=places[0], store=places[1], code=code)
        record = request.resources.run_store().get(chosen.spec.key)
        if record is None and is_registered(chosen.strategy.hash):
            known = request_again(chosen.spec, candles=places[0], store=places[1])
            record = run_alone(known, prepare_again(known, chosen.spec))
        if record is None:
            raise StrategyError("Its run was not kept.")
        first = record.to_result(chosen.spec)
    runs = [first, *chosen.others]
    if not any(len(run.trades) for run in runs):
        raise StrategyError("The result has no trades, as any strategy that does nothing.")
    return runs


def _does_otherwise(
    chosen: ChosenValues, given: GivenStrategy, run: BacktestResult, after: BacktestResult, differs: str
) -> StrategyError:
    days = f"{utc_text(run.spec.start)} to {utc_text(run.spec.end)}"
    said = [f"trades {len(after.trades):,} against {len(run.trades):,}"]
    if "net_profit" in after.metrics and "net_profit" in run.metrics:  # none of a ruined account
        said.append(f"net profit {after.metrics['net_profit']:,.2f} against {run.metrics['net_profit']:,.2f}")
    if len(after.trades) == len(run.trades):
        said.append(differs)
    live = isinstance(given.code, type)
    line = backtest_line(run.spec, given.ref.name if live else "FILE", values=chosen.values)
    return StrategyError(
        f"{_given_name(given)} is not the {chosen.strategy.name} that had run, and its result is another one: from "
        f"{days}, {', '.join(said)}.",
        f"Nothing was written. The text that had run is the result's spec.routes[0].strategy.source; "
        f"`{'%' if live else 'jesse-nb '}backtest {line}` runs yours. Undo the change, or go on from that.")


def _given_name(given: GivenStrategy) -> str:
    return f"The notebook's {given.ref.name}" if given.tried else f"The {given.ref.name} that was given"


@contextlib.contextmanager
def _plainly(name: str) -> Iterator[None]:
    try:
        yield
    except SimulationError as error:
        raise StrategyError(f"As a file of its own, {name} fails: {error}", "Nothing was written.") from error
