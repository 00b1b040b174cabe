"""The work of a batch job: prepare a market, run everything on it, go on to the next."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from jesse_nb.core.jobs.board import Matrix
from jesse_nb.core.jobs.evaluation import Evaluator, RunOutcome
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.simulator.data import MappedSlice
from jesse_nb.core.simulator.market_data import CandleSlice
from jesse_nb.core.simulator.record import RunRecord
from jesse_nb.core.simulator.simulation import Simulation
from jesse_nb.core.simulator.spec import Account, BacktestSpec
from jesse_nb.core.simulator.strategies.dna import decode_legacy_dna
from jesse_nb.core.simulator.strategies.strategy import StrategyCode
from jesse_nb.core.study.batch_entry import BatchEntry
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.texts import short_number
from jesse_nb.core.times import TIMEFRAME_MINUTES, utc_text
from jesse_nb.core.tools.batch.batch_result import DIMENSIONS, MARKET, BatchResult
from jesse_nb.core.tools.batch.parameter_sets import ParameterSet
from jesse_nb.core.tools.description import described
from jesse_nb.core.tools.job_loop import JobLoop
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.prepared import Prepared
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import AllTrialsFailedError, JesseNbError, JobCancelledError, MetricError

__all__ = ["Batch", "BatchPlan"]

T = TypeVar("T")


@dataclass(frozen=True)
class BatchPlan:
    """What to run: every combination of strategies, symbols, timeframes, periods and parameter sets."""

    request: Request
    codes: tuple[StrategyCode, ...]
    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    periods: tuple[tuple[int, int], ...]
    sets: tuple[ParameterSet, ...]
    metric: Metric
    account: Account
    repeated: int
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many combinations there are; those given twice are counted twice."""
        return len(self.codes) * len(self.symbols) * len(self.timeframes) * len(self.periods) * len(self.sets)


@dataclass(frozen=True)
class _Market:
    symbol: str
    timeframe: str
    start: int
    end: int


def _candles_of_its_timeframe(market: _Market) -> float:
    """Return how many candles a strategy sees there: the longest runs go first, so that no core idles at the end."""
    return (market.end - market.start) / TIMEFRAME_MINUTES[market.timeframe]


class Batch:
    """One batch job at work."""

    def __init__(self, plan: BatchPlan, control: JobControl) -> None:
        self._plan = plan
        self._control = control
        self._loop = JobLoop(control)
        self._codes = {code.ref.hash: code for code in plan.codes}
        self._names = _distinct_names(plan.codes)
        self._markets = list(dict.fromkeys(
            _Market(symbol, timeframe, *period)
            for symbol in plan.symbols for timeframe in plan.timeframes for period in plan.periods))
        self._mapped: dict[tuple[CandleSlice, ...], tuple[MappedSlice, ...]] = {}
        self._decoded: dict[tuple[str, str], Mapping[str, Any] | JesseNbError] = {}
        self._asked: dict[int, BatchEntry] = {}
        self._keys: set[str] = set()
        self._entries: dict[int, BatchEntry] = {}
        self._matrix = Matrix(
            plan.metric.scale,
            {"strategy": list(self._names.values()), "symbol": _unique(plan.symbols),
             "timeframe": _unique(plan.timeframes), "period": [_period_text(*one) for one in _unique(plan.periods)],
             "params": [parameter_set.label for parameter_set in plan.sets]},
            by_row=[name for name in DIMENSIONS if name not in MARKET], by_column=MARKET)
        self._repeated = plan.count - len(self._codes) * len(self._markets) * len(plan.sets)
        self._failed = 0
        self._best: tuple[float, str] | None = None
        self._notes = list(plan.notes)
        self._store_path = ""

    def run(self) -> BatchResult:
        """Do all of it. When the job is cancelled, return what has finished."""
        plan, control = self._plan, self._control
        control.update(phase="starting workers", total=self._total, workers=plan.request.resources.workers)
        control.partial(self.result)
        control.board(self._matrix.snapshot)
        store = plan.request.resources.run_store()
        self._store_path = store.place
        self._decode(store)
        evaluator = Evaluator(
            plan.request.resources.pool, store, self._simulation, limit=plan.request.resources.workers,
            trial_timeout=plan.request.resources.trial_timeout, memory_limit=plan.request.resources.memory,
        )
        control.update(phase="running")
        try:
            for market in sorted(self._markets, key=_candles_of_its_timeframe, reverse=True):
                if control.cancelled:
                    break
                self._submit_all(evaluator, market)
                self._receive_ready(evaluator)
            self._loop.run(evaluator, self._receive, self._report)
        finally:
            evaluator.cancel()
        self._receive_ready(evaluator)
        self._notes.extend(evaluator.remarks)
        if evaluator.storage_error:
            self._notes.append("So no entry can show its whole result.")
        self._check_success()
        return self.result()

    def result(self) -> BatchResult:
        """Return the result of what has finished so far; only reads, so any thread may ask."""
        repeated = self._plan.repeated + self._repeated
        notes = [f"{repeated:,} of the combinations were given more than once; each ran once."] if repeated else []
        return BatchResult(
            entries=tuple(entry for _, entry in sorted(self._entries.copy().items())),
            total=self._total,
            metric=self._plan.metric,
            account=self._plan.account,
            mode=self._plan.request.mode,
            gaps=self._plan.request.gaps,
            warm_up_candles=self._plan.request.warm_up_candles,
            elapsed=self._loop.elapsed,
            stopped=self._loop.stopped,
            notes=(*self._notes, *notes),
        )

    @property
    def _total(self) -> int:
        return self._plan.count - self._repeated

    def _decode(self, store: RunStore) -> None:
        """Ask the strategies what old DNA means to them."""
        dnas = [parameter_set.dna for parameter_set in self._plan.sets if parameter_set.dna]
        for code in self._codes.values() if dnas else ():
            declared: list[dict[str, Any]] | JesseNbError
            try:
                declared = described(store, self._plan.request.resources.pool, code,
                                     lambda: self._control.cancelled).hyperparameters
            except JobCancelledError:
                raise
            except JesseNbError as error:
                declared = error
            for dna in dnas:
                self._decoded[code.ref.hash, dna] = _decoded(dna, declared, code.ref.name)

    def _submit_all(self, evaluator: Evaluator, market: _Market) -> None:
        """Hand over every strategy and parameter set on one market, whose candles are prepared once."""
        first = next(iter(self._codes.values()))
        request = replace(self._plan.request, strategy=first, symbol=market.symbol, timeframe=market.timeframe)
        prepared: Prepared | JesseNbError
        try:
            prepared = prepare(request, market.start, market.end)
            self._mapped[prepared.spec.candles] = prepared.mapped
        except JesseNbError as error:
            prepared = error
        # Numbered as a reader would count: by strategy, symbol, timeframe, period, parameter set.
        sets, place = self._plan.sets, self._markets.index(market)
        for row, code in enumerate(self._codes.values()):
            for column, parameter_set in enumerate(sets):
                if self._control.cancelled:
                    return
                number = (row * len(self._markets) + place) * len(sets) + column
                self._submit(evaluator, number, market, code, parameter_set, prepared)

    def _submit(
        self, evaluator: Evaluator, number: int, market: _Market, code: StrategyCode, one: ParameterSet,
        prepared: Prepared | JesseNbError,
    ) -> None:
        entry = BatchEntry(
            number=number, strategy=self._names[code.ref.hash],
            exchange=self._plan.request.exchange or "", symbol=market.symbol, timeframe=market.timeframe,
            start=market.start, end=market.end, label=one.label, store=self._store_path,
            params={**(self._plan.request.hyperparameters or {}), **one.values},
        )
        values = self._decoded[code.ref.hash, one.dna] if one.dna else one.values
        for error in (prepared, values):
            if isinstance(error, JesseNbError):
                self._fail(replace(entry, reason=str(error)))
                return
        assert isinstance(prepared, Prepared)
        assert isinstance(values, Mapping)
        spec = self._spec(prepared.spec, code, values)
        if spec.key in self._keys:
            self._repeated += 1
            self._matrix.leave_out(self._place(entry.number))
            return
        route = spec.routes[0]
        self._keys.add(spec.key)
        self._asked[entry.number] = replace(entry, exchange=route.exchange, symbol=route.symbol, spec=spec,
                                            params=dict(spec.hyperparameters))
        evaluator.submit(entry.number, spec)

    def _spec(self, sample: BacktestSpec, code: StrategyCode, values: Mapping[str, Any]) -> BacktestSpec:
        route = replace(sample.routes[0], strategy=code.ref)
        return replace(sample, routes=(route,), hyperparameters={**sample.hyperparameters, **values})

    def _simulation(self, spec: BacktestSpec) -> Simulation:
        return Simulation(spec, (self._codes[spec.routes[0].strategy.hash],), self._mapped[spec.candles])

    def _receive_ready(self, evaluator: Evaluator) -> None:
        self._loop.drain(evaluator, self._receive)
        self._report(evaluator)

    def _receive(self, ticket: Hashable, outcome: RunOutcome) -> None:
        assert isinstance(ticket, int)
        entry = self._asked.pop(ticket)
        self._loop.count(outcome)
        if outcome.record is None:
            self._fail(replace(entry, reason=str(outcome.error)))
            return
        record = outcome.record
        entry = replace(entry, metrics=dict(record.metrics), equity=record.equity(), seconds=record.seconds,
                        reused=outcome.reused, versions=record.versions, audit=record.audit)
        score = self._score(entry, outcome.spec, record)
        self._entries[ticket] = replace(entry, score=score)
        self._matrix.add(self._place(ticket), score, failed=False)
        sign = 1 if self._plan.metric.direction == "maximize" else -1
        if not math.isnan(score) and (self._best is None or sign * score > sign * self._best[0]):
            self._best = score, entry.name

    def _score(self, entry: BatchEntry, spec: BacktestSpec, record: RunRecord) -> float:
        metric = self._plan.metric
        if metric.of_jesse:  # a frame of trades, which nobody asked for, takes longer than all the rest here
            return entry.value(metric)
        try:
            return float(metric.read(record.to_result(spec)))
        except MetricError as error:
            if str(error) not in self._notes:
                self._notes.append(str(error))
            return math.nan

    def _fail(self, entry: BatchEntry) -> None:
        self._entries[entry.number] = entry
        self._failed += 1
        self._matrix.add(self._place(entry.number), math.nan, failed=True)

    def _place(self, number: int) -> dict[str, int]:
        """Return a combination's position in each dimension of the matrix."""
        plan = self._plan
        before, params = divmod(number, len(plan.sets))
        strategy, place = divmod(before, len(self._markets))
        periods = _unique(plan.periods)
        before, period = divmod(place, len(periods))
        symbol, timeframe = divmod(before, len(_unique(plan.timeframes)))
        return {"strategy": strategy, "symbol": symbol, "timeframe": timeframe, "period": period, "params": params}

    def _report(self, evaluator: Evaluator) -> None:
        value, name = self._best or (None, "")
        self._loop.tell(
            evaluator, len(self._entries), self._total, failed=self._failed,
            running=min(evaluator.running, self._plan.request.resources.workers), best=value,
            best_label=f"{self._plan.metric.label} {short_number(value)} ({name})" if value is not None else "",
        )

    def _check_success(self) -> None:
        if self._entries and self._failed == len(self._entries) and not self._control.cancelled:
            reason, count = Counter(entry.reason for entry in self._entries.values()).most_common(1)[0]
            raise AllTrialsFailedError(f"All {len(self._entries):,} combinations failed, "
                                       f"{count:,} of them so: {reason}")


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _period_text(start: int, end: int) -> str:
    return f"{utc_text(start)} to {utc_text(end)}"


def _decoded(dna: str, declared: list[dict[str, Any]] | JesseNbError, strategy: str) -> dict[str, Any] | JesseNbError:
    try:
        return declared if isinstance(declared, JesseNbError) else decode_legacy_dna(dna, declared, strategy)
    except JesseNbError as error:
        return error


def _distinct_names(codes: tuple[StrategyCode, ...]) -> dict[str, str]:
    """Return each strategy's name by hash; two of one name are told apart by the beginning of their hashes."""
    names = {code.ref.hash: code.ref.name for code in codes}
    often = Counter(names.values())
    return {key: f"{name} {key[:6]}" if often[name] > 1 else name for key, name in names.items()}
