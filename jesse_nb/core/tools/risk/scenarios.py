"""What a stress test puts a strategy through: named scenarios, the moments they begin, and replays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jesse_nb.core.analysis.trades.trade_returns import milliseconds
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.times import DAY_MS, MINUTE_MS, to_ms, utc_text
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.risk.shocks import duration_words
from jesse_nb.exceptions import InputError, JesseNbError, did_you_mean, shown

__all__ = ["OUTAGE", "REPLAYS", "SCENARIOS", "Moment", "Scenario", "moments_of", "scenarios_of"]

_HOUR, _DAY = 60, 1_440
_MOST_BETA = 10


@dataclass(frozen=True)
class Scenario:
    """One scenario; a replay has a period in place of a change.

    Attributes
    ----------
    name
        As asked for.
    change
        Fraction by which prices end lower or higher.
    minutes
        Over how long.
    volatility
        Factor of the market's own moves meanwhile.
    together
        Whether all markets move as the first one meanwhile, each by as much as it does itself.
    period
        Of a replay, milliseconds UTC, the end excluded.
    source, beta
        Of a replay of another market's path: its symbol, and how many times as far each market of the run moves.
    """

    name: str
    change: float = 0.0
    minutes: int = 1
    volatility: float = 1.0
    together: bool = False
    period: tuple[int, int] | None = None
    source: str = ""
    beta: float = 1.0

    @property
    def changes_nothing(self) -> bool:
        """Whether candles stay as they were."""
        return self.period is None and self.change == 0.0 and self.volatility == 1.0 and not self.together

    def pipeline(self, at: int, start: int, outage: int = 0) -> CandlePipeline:
        """Return how candles are rewritten when it begins ``at``, in a run from ``start`` on, milliseconds UTC.

        From then on the strategy decides nothing for ``outage`` minutes.
        """
        also = ({"together": 1.0} if self.together else {}) | ({"outage": outage} if outage else {})
        return CandlePipeline("stress", {"at": (at - start) // MINUTE_MS, "minutes": self.minutes,
                                         "change": self.change, "volatility": self.volatility, **also})

    def __str__(self) -> str:
        if self.period is not None:
            how = f"each market as {self.source} times {self.beta:g}" if self.source else "as it was"
            return f"{utc_text(self.period[0])} to {utc_text(self.period[1])}, {how}"
        if self.name == OUTAGE:
            return "candles as they were"
        length = "at once" if self.minutes == 1 else duration_words(self.minutes)
        parts = ["all markets as the first"] if self.together else []
        parts += [f"{self.change * 100:+.4g}%"] if self.change or (self.volatility == 1.0 and not parts) else []
        parts += [f"{self.volatility:g} times the volatility"] if self.volatility != 1.0 else []
        return f"{' at '.join(parts)}{' ' if length == 'at once' else ' over '}{length}"


#: Scenarios by name: chosen sizes, not forecasts.
SCENARIOS = {one.name: one for one in (
    Scenario("crash", -0.35, 4 * _HOUR), Scenario("slow_bear", -0.5, 60 * _DAY),
    Scenario("vol_spike", 0.0, 7 * _DAY, 3.0), Scenario("gap", -0.15, 1), Scenario("melt_up", 0.35, 4 * _HOUR),
    Scenario("correlation_to_one", 0.0, 7 * _DAY, together=True),
)}

#: What a run is called in which nothing but an outage happens.
OUTAGE = "outage"

#: Times that can be replayed where their candles are stored.
REPLAYS = {
    "covid": ("2020-03-06", "2020-03-20"), "may_2021": ("2021-05-12", "2021-05-26"),
    "luna": ("2022-05-05", "2022-05-19"), "ftx": ("2022-11-05", "2022-11-19"), "svb": ("2023-03-08", "2023-03-15"),
}

_NUMBERS = ("change", "minutes", "volatility", "together")


def scenarios_of(names: Iterable[str], custom: Mapping[str, Any] | None) -> list[Scenario]:
    """Return what was asked for by name.

    ``replay:NAME`` or ``replay:START..END`` is a replay, with ``@SYMBOL:BETA`` behind it one of another market's path.

    Raises
    ------
    InputError
        When a name is not known, or a scenario of one's own cannot be one.
    """
    own = {str(name): _custom(str(name), given) for name, given in (custom or {}).items()}
    known = {**SCENARIOS, **own}
    found = [_replay(name) if name.startswith("replay:") else known.get(name) for name in dict.fromkeys((*names, *own))]
    for name, one in zip(dict.fromkeys((*names, *own)), found, strict=True):
        if one is None:
            raise InputError.of("scenarios", f"holds {shown(name)}.", did_you_mean(name, [*known, *(
                f"replay:{replay}" for replay in REPLAYS)]))
    return [one for one in found if one is not None]


def _custom(name: str, given: Any) -> Scenario:
    if not isinstance(given, Mapping):
        raise InputError.of("custom_scenarios", f"has {shown(given)} for {name}.",
                            "Write dict(change=-0.3, minutes=240, volatility=1.0).")
    for key in given:
        if key not in _NUMBERS:
            raise InputError.of("custom_scenarios", f"has {shown(key)} in {name}.", did_you_mean(str(key), _NUMBERS))
    change, minutes, volatility = given.get("change", 0.0), given.get("minutes", 1), given.get("volatility", 1.0)
    try:
        CandlePipeline("stress", {"at": 0, "minutes": minutes, "change": change, "volatility": volatility})
    except InputError as error:
        raise InputError.of("custom_scenarios", f"has no usable {name}: {error.message}", error.hint) from None
    return Scenario(name, float(change), int(minutes), float(volatility), bool(given.get("together", False)))


def _replay(name: str) -> Scenario:
    wanted, other, path = name.removeprefix("replay:").partition("@")
    source, beta = _path(name, path) if other else ("", 1.0)
    start, dots, end = wanted.partition("..")
    if not dots:
        if wanted not in REPLAYS:
            raise InputError.of("scenarios", f"holds {shown(name)}.", did_you_mean(wanted, REPLAYS)
                                or "A replay is replay:NAME, or replay:2023-03-08..2023-03-15.")
        start, end = REPLAYS[wanted]
    try:
        period = to_ms(start, "start"), to_ms(end, "end")
    except JesseNbError as error:
        raise InputError.of("scenarios", f"holds {shown(name)}: {error}") from None
    if period[0] >= period[1]:
        raise InputError.of("scenarios", f"holds {shown(name)}.", "Its end comes after its start.")
    return Scenario(name, period=period, source=source, beta=beta)


def _path(name: str, written: str) -> tuple[str, float]:
    """Read which market's path a replay takes, and the beta, which nobody guesses."""
    symbol, _, beta = written.partition(":")
    try:
        factor = float(beta)
    except ValueError:
        factor = math.nan
    if not symbol or not 0 < factor <= _MOST_BETA:
        raise InputError.of("scenarios", f"holds {shown(name)}.", "Another market's path is written with the beta to "
                            f"it, above zero to {_MOST_BETA}: replay:ftx@BTC-USDT:1.5.")
    return symbol, factor


@dataclass(frozen=True)
class Moment:
    """When a scenario begins, milliseconds UTC, and why then."""

    at: int
    why: str


def moments_of(given: Iterable[str], run: AnalyzedRun, seed: int, change: float) -> list[Moment]:
    """Return the moments at which a scenario begins that changes prices by ``change``.

    ``worst_exposure`` is the middle of the largest trade that the change goes against (a long one for a fall; of either
    side where prices end as they were, or no trade has that side), ``random`` one drawn from the first nine tenths of
    the run; anything else is a date within it.

    Raises
    ------
    InputError
        When it is no moment of the run.
    """
    found = []
    for moment in given:
        if moment == "worst_exposure":
            found.append(_worst_exposure(run, change))
        elif moment == "random":
            length = (run.end - run.start) * 9 // 10 // MINUTE_MS
            drawn = int(np.random.default_rng(seed).integers(0, max(length, 1)))
            found.append(Moment(run.start + drawn * MINUTE_MS, "at random"))
        else:
            found.append(_date(moment, run))
    return list({moment.at: moment for moment in found}.values())


def _worst_exposure(run: AnalyzedRun, change: float) -> Moment:
    trades = run.trades
    against = trades["side"] == ("long" if change < 0 else "short")
    if change and against.any():
        trades = trades[against]
    if trades.empty:
        return Moment(run.start + (run.end - run.start) // 2 // DAY_MS * DAY_MS, "no trade was open: its middle")
    largest = int(np.argmax(np.abs(trades["qty"].to_numpy(dtype=float)) * trades["entry_price"].to_numpy(dtype=float)))
    opened, closed = (int(milliseconds(trades[name])[largest]) for name in ("opened_at", "closed_at"))
    middle = opened + (closed - opened) // 2 // MINUTE_MS * MINUTE_MS
    middle = min(max(middle, run.start), run.end - MINUTE_MS)
    side = trades["side"].iloc[largest]
    return Moment(middle - (middle - run.start) % MINUTE_MS, f"largest {side} trade")


def _date(one: str, run: AnalyzedRun) -> Moment:
    try:
        at = to_ms(one, "at")
    except JesseNbError:
        raise InputError.of("at", f"holds {shown(one)}.", "It is worst_exposure, random, or a date.") from None
    if not run.start <= at < run.end:
        raise InputError.of("at", f"holds {shown(one)}.",
                            f"The run is from {utc_text(run.start)} to {utc_text(run.end)}.")
    return Moment(at - (at - run.start) % MINUTE_MS, "as asked for")
