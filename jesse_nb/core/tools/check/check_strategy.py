"""Is a strategy sound? It is simulated several times with something changed, and its orders are compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.simulator.observing import Observation
from jesse_nb.core.simulator.simulation import Observe
from jesse_nb.core.simulator.spec import MAINTENANCE_MARGIN, Gaps, Mode
from jesse_nb.core.tools.check.code_lines import line_of_number
from jesse_nb.core.tools.check.determinism import Determinism
from jesse_nb.core.tools.check.kinds import CHECKS
from jesse_nb.core.tools.check.look_ahead import LookAhead
from jesse_nb.core.tools.check.observed_runs import ObservedRuns, TimeUpError, observation_of
from jesse_nb.core.tools.check.settling import Fragility, WarmUp
from jesse_nb.core.tools.check.strategy_check import Finding, StrategyCheck
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, plan_of_run, planned
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.registry import CHECK_STRATEGY
from jesse_nb.core.tools.request import Request, Source
from jesse_nb.core.tools.resources import Jobs
from jesse_nb.exceptions import SimulationError

__all__ = ["check_strategy", "checked_strategy"]

#: Seconds that a check before a study may take in any case: interpreters of their own take seconds to start.
_LEAST_SECONDS = 60.0
#: What else brings data from outside, by what a run was seen doing.
_BROUGHT = {"starts a process": "program that it starts", "uses the network": "network that it uses"}


@planned
@declared(CHECK_STRATEGY)
def check_strategy(
    strategy: Any = None,
    symbol: str | None = None,
    timeframe: str | None = None,
    start: Any = None,
    end: Any = None,
    *,
    exchange: str | None = None,
    routes: Sequence[Any] | None = None,
    data_routes: Sequence[Any] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    checks: str | Iterable[str] | None = None,
    moments: int = 4,
    seed: int = 0,
    balance: float = 10_000.0,
    fee: float | Mapping[str, float] = 0.001,
    slippage_bps: float = 0.0,
    market: Literal["futures", "spot"] | None = None,
    leverage: int = 1,
    leverage_mode: Literal["cross", "isolated"] = "cross",
    maintenance_margin: float = MAINTENANCE_MARGIN,
    funding: float | str | None = None,
    warm_up_candles: int = 240,
    mode: Mode = "fast",
    gaps: Gaps = "fill",
    source: Source = "auto",
    project: str | Path | None = None,
    candles: CandleStore | None = None,
    trial_timeout: float | None = 600.0,
    memory_limit: int | None = None,
    n_jobs: Jobs | None = None,
    background: bool = False,
) -> Plan[StrategyCheck]:
    """Look for what makes a strategy's results untrue: knowledge of the future, chance, and a start that never settles.

    It takes about the time of ten backtests of the period. Nothing is kept in the run store, and no run counts as a
    trial.

    Parameters
    ----------
    strategy, symbol, timeframe, start, end, exchange, routes, data_routes, hyperparameters
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    checks
        Which of ``look_ahead`` (orders stay the same when candles after them are turned upside down), ``warm_up``
        (orders settle with two and four times the warm-up), ``determinism`` (the same run gives the same orders),
        ``reads`` (data that does not come from the candles) and ``fragility`` (profit with candles seen one later,
        fees doubled, the start moved by hours); None is all of them.
    moments
        After how many moments candles are turned upside down, 1 to 50. More find what shows in few orders only.
    seed
        Of the choice of moments.
    balance, fee, slippage_bps, market, leverage, leverage_mode, maintenance_margin, funding, \
warm_up_candles, mode, gaps, source, project, candles
        As in :func:`~jesse_nb.core.tools.backtest.backtest.backtest`.
    trial_timeout, memory_limit, n_jobs
        Of each simulation, and how many run at the same time.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    StrategyCheck
        Its ``failed`` says whether a result of this strategy is not to be believed.

    Raises
    ------
    SimulationError
        When the plain run fails.
    InputError, StrategyError, CandlesError
        For what is wrong with the arguments.
    JobInterruptedError
        When a blocking call is interrupted.

    Examples
    --------
    >>> check = jn.check_strategy(TrendFollower, "BTC-USDT", "1h", "2023-03-01", "2023-04-01", checks="look_ahead")
    >>> [finding.level for finding in check.findings]
    ['passed']
    """
    asked = CHECKS if checks is None else {checks} if isinstance(checks, str) else set(checks)
    wanted = tuple(name for name in CHECKS if name in asked)
    request = Request.of(locals())
    prepared = prepare(request, start, end)

    def work(control: JobControl) -> StrategyCheck:
        with tempfile.TemporaryDirectory(prefix="jesse-nb-check-") as folder:
            resources = request.resources
            runs = ObservedRuns(resources.pool, control, timeout=resources.trial_timeout, memory=resources.memory)
            try:
                return checked_strategy(request, prepared, LookAhead(prepared, Path(folder), moments, seed), wanted,
                                        runs, control)
            finally:
                runs.cancel()

    return plan_of_run("check_strategy", prepared.spec, work, background=background)


def checked_strategy(
    request: Request, prepared: Prepared, look_ahead: LookAhead, wanted: Sequence[str], runs: ObservedRuns,
    control: JobControl, *, most_runs: float | None = None,
) -> StrategyCheck:
    """Check a strategy within a job; where it is to take the time of so many runs at most, what is left is not checked.

    Raises
    ------
    SimulationError
        When the plain run fails.
    JobCancelledError
        When the job was stopped.
    """
    control.update(phase="checking the strategy", workers=request.resources.workers)
    runs.start("plain", prepared.simulation(prepared.spec))
    warm_up, determinism = WarmUp(request, prepared), Determinism(prepared)
    fragility = Fragility(request, prepared)
    for name, check in (("warm_up", warm_up), ("determinism", determinism), ("fragility", fragility)):
        if name in wanted:
            check.start(runs)
    record = runs.record("plain")
    if most_runs is not None:
        runs.allow(max((most_runs - 1) * record.seconds, _LEAST_SECONDS))
    plain = observation_of(record)
    if "look_ahead" in wanted:
        look_ahead.start(runs, plain)
    if plain.held and {"look_ahead", "reads"} & set(wanted):
        runs.start("emptied", prepared.simulation(prepared.spec), Observe(empty=True))
    files = [path for path, _ in record.depends.files]
    brought = [f"file {path}" for path in files] + [
        _BROUGHT[what] for words in record.depends.impure if (what := words.rpartition(" (line ")[0]) in _BROUGHT]
    reading = line_of_number(prepared.spec, record.depends.lines[0]) if record.depends.lines else None
    root = (request.candles or CandleStore()).root
    stored = [path for path in files if Path(path).is_relative_to(root)]
    found: dict[str, Callable[[], list[Finding]]] = {
        "look_ahead": lambda: look_ahead.findings(runs, plain, [*_used(runs, plain), *brought], stored, reading),
        "warm_up": lambda: warm_up.findings(runs, plain),
        "determinism": lambda: determinism.findings(runs, record),
        "reads": lambda: _reads([*_used(runs, plain), *brought]),
        "fragility": lambda: fragility.findings(runs, record),
    }

    def in_time(name: str) -> list[Finding]:
        try:
            return found[name]()
        except TimeUpError:
            return [Finding(name, "not checked", f"The check had taken the time of {most_runs:g} runs.")]

    findings = tuple(finding for name in wanted for finding in in_time(name))
    return StrategyCheck(record.to_result(prepared.spec), findings, runs.started, control.elapsed)


def _used(runs: ObservedRuns, plain: Observation) -> tuple[str, ...]:
    """Return what the strategy holds, without what makes no difference to its orders."""
    if not runs.has("emptied"):
        return plain.held
    try:
        without = observation_of(runs.record("emptied"))
    except SimulationError:
        return plain.held  # it cannot do without
    if without.events != plain.events:
        return plain.held
    return tuple(words for words in plain.held if words not in without.emptied)


def _reads(own_data: Sequence[str]) -> list[Finding]:
    if not own_data:
        return [Finding("reads", "passed", "It goes by candles, hyperparameters and its own code alone.")]
    return [Finding("reads", "warning", "It goes by data of its own, too: whether that was known at the time, only you "
                    "can tell.", tuple(f"It has {words}." for words in own_data))]
