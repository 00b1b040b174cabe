"""Candles that never were: pipelines, Jesse's and our own, which rewrite the candles of a run while it runs.

A pipeline rewrites the one-minute candles of the traded period, for every market of the run; timestamps stay, and with
Jesse's, which go batch by batch, volumes do. Warm-up candles stay as they were (but for those of a stress that had
begun by then), and the first rewritten candle opens at the first real one's open. Trades and profit are those of the
rewritten candles in both of Jesse's modes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.stationary_bootstrap import FEWEST_MINUTES, stationary_bootstrap
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["CandlePipeline", "check_pipeline", "pipeline_arguments"]

_MOST_SEED = 2**32 - 1

#: Minutes; of a batch of Jesse's, as in its dashboard, and of a block of ours on average.
_WEEK = 10_080


class _Kind(NamedTuple):
    """A pipeline: Jesse's class, empty for our own, and the settings it needs and takes."""

    jesse_class: str = ""
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes_seed: bool = False


#: Settings that say how many minutes something lasts.
_LENGTHS = ("minutes", "outage")

_KINDS = {
    "stationary_bootstrap": _Kind(optional=("block",)),
    "stress": _Kind(needed=("at", "minutes", "change", "volatility"), optional=("together", "outage")),
    "moving_block_bootstrap": _Kind("MovingBlockBootstrapCandlesPipeline", takes_seed=True),
    "gaussian_noise": _Kind("GaussianNoiseCandlesPipeline", ("close_sigma", "high_sigma", "low_sigma"),
                            ("close_mu", "high_mu", "low_mu")),
    "gaussian_resampler": _Kind("GaussianResamplerCandlesPipeline", (), ("mu", "sigma")),
}


@dataclass(frozen=True)
class CandlePipeline:
    """How candles are rewritten. The same seed gives the same candles.

    Attributes
    ----------
    name
        ``stationary_bootstrap``: the whole period's one-minute moves, volumes with them, in blocks of random length
        from the same time of day, all markets from the same minutes, of a period of two days or more
        (:func:`~jesse_nb.core.simulator.stationary_bootstrap.drawn_minutes`). ``stress``: one fall, rise or wilder time
        put in, every market alike (:func:`~jesse_nb.core.simulator.stress.stressed_candles.stressed`). The others are
        Jesse's.
        ``moving_block_bootstrap``: each batch is put together from blocks of that batch's own one-minute
        moves (a tenth of it long, 10 minutes at least), all markets from the same minutes.
        Over the length of a batch such markets vary about twice as much as the real one: they trend.
        ``gaussian_noise``: real closes plus a random walk that begins anew with each batch.
        ``gaussian_resampler``: a random walk with each batch's own drift and spread, which trends as much.
    settings
        ``stationary_bootstrap`` takes ``block``, the mean length of a block in minutes (10,080, a week).
        ``stress`` needs ``at`` and ``minutes`` (from the period's start, below zero before it, and how long: warm-up
        candles since then change, too), ``change`` (a fraction) and
        ``volatility`` (a factor); it takes ``together`` (1 where all markets follow the first one) and ``outage``
        (minutes in which the strategy decides nothing).
        ``gaussian_noise`` needs ``close_sigma``, ``high_sigma`` and ``low_sigma``, standard
        deviations in the quote currency, and takes ``close_mu``, ``high_mu`` and ``low_mu``; ``gaussian_resampler``
        takes ``mu`` (quote currency a minute) and ``sigma`` (factor).
    batch_size
        Minutes that Jesse's pipelines rewrite at once; None for 10,080, a week, as in its dashboard.
        ``stationary_bootstrap`` has no batches.
    seed
        From 0 to 2**32 - 1.

    Raises
    ------
    InputError
        When there is no such pipeline, or a setting is missing, unknown or no finite number.

    Examples
    --------
    >>> days = jn.CandlePipeline("stationary_bootstrap", {"block": 1_440}, seed=7)
    >>> days.settings["block"]
    1440.0
    """

    name: str = "stationary_bootstrap"
    settings: Mapping[str, float] = field(default_factory=dict)
    batch_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in _KINDS:
            raise InputError(f"There is no candle pipeline {shown(self.name)}.", did_you_mean(str(self.name), _KINDS))
        kind = _KINDS[self.name]
        known = (*kind.needed, *kind.optional)
        if not isinstance(self.settings, Mapping):
            raise InputError(f"The settings of the candle pipeline are {shown(self.settings)}.",
                             "Write dict(close_sigma=20.0, ...).")
        for name in self.settings:
            if name not in known:
                raise InputError(f"The candle pipeline {self.name} has no setting {shown(name)}.",
                                 did_you_mean(str(name), known) or "It has none.")
        for name in kind.needed:
            if name not in self.settings:
                unit = "stress_test sets it." if self.name == "stress" else \
                    "It is in the quote currency: 20.0 moves a price by about 20 a minute."
                raise InputError(f"The candle pipeline {self.name} needs {name}.", unit)
        object.__setattr__(self, "settings", {name: _number(name, self.settings[name]) for name in known
                                              if name in self.settings})
        if kind.jesse_class:
            size = _WEEK if self.batch_size is None else self.batch_size
            object.__setattr__(self, "batch_size", _whole("batch_size", size, 2, 10_000_000))
        elif self.batch_size is not None:
            raise InputError(f"The candle pipeline {self.name} rewrites the whole period: it takes no batch_size.",
                             "settings=dict(block=1_440) sets how long its blocks are on average, in minutes.")
        object.__setattr__(self, "seed", _whole("seed", self.seed, 0, _MOST_SEED))

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.settings.items()), self.batch_size, self.seed))

    def __str__(self) -> str:
        if self.name == "stress":
            also = ", all markets together" if self.settings.get("together") else ""
            also += ", outage {outage:,.0f} minutes" if self.settings.get("outage") else ""
            return ("stress ({change:+.6g} over {minutes:,.0f} minutes, volatility x {volatility:g}, from minute "
                    f"{{at:,.0f}}{also})").format(**self.settings)
        settings = "".join(f"{name} {value:g}, " for name, value in self.settings.items())
        parts = f"{settings}batches of {self.batch_size:,}" if self.batch_size else f"blocks of {self.block:,}"
        return f"{self.name.replace('_', ' ')} ({parts} minutes, seed {self.seed})"

    @property
    def block(self) -> int:
        """Mean length of a block of ``stationary_bootstrap``, minutes."""
        return int(self.settings.get("block", _WEEK))

    def stressed_period(self, start: int) -> tuple[int, int] | None:
        """Return when the stress begins and is over in a run from ``start`` on, milliseconds UTC; None without one."""
        if self.name != "stress":
            return None
        begin = start + int(self.settings["at"]) * MINUTE_MS
        return begin, begin + int(max(self.settings["minutes"], self.settings.get("outage", 0.0))) * MINUTE_MS

    def outage(self, start: int) -> tuple[int, int]:
        """Return when the strategy cannot act in a run from ``start`` on, milliseconds UTC; empty without an outage."""
        begin = start + int(self.settings.get("at", 0)) * MINUTE_MS
        return begin, begin + int(self.settings.get("outage", 0.0)) * MINUTE_MS

    @property
    def trends(self) -> bool:
        """Whether what it makes trends where the real market does not: batches with a drift of their own."""
        return self.name in ("moving_block_bootstrap", "gaussian_resampler")


def check_pipeline(
    pipeline: CandlePipeline | None, timeframes: Iterable[str], minutes: int, candles: Iterable[int]
) -> None:
    """Refuse a pipeline that would have Jesse cut batches at the wrong place, or that changes nothing.

    Parameters
    ----------
    pipeline
        Of the run; None for none.
    timeframes
        Of all its routes.
    minutes
        How long the traded period is.
    candles
        How many one-minute candles each series has in the traded period.

    Raises
    ------
    InputError
        When a step of fast mode (the common part of all timeframes) does not divide the batch, or the period where
        that is rewritten at once; for ``gaussian_noise``, when the last batch would be cut short: Jesse opens that one
        at a stale price; for ``stationary_bootstrap``, when the period is shorter than two days.
    """
    if pipeline is None:
        return
    step = math.gcd(*(TIMEFRAME_MINUTES[timeframe] for timeframe in timeframes))
    if pipeline.batch_size is None:
        if pipeline.name == "stress" and pipeline.settings["at"] >= minutes:
            raise InputError("The stress begins after the period's end.", "Choose an earlier moment.")
        if pipeline.settings.get("outage", 0.0) > minutes - min(pipeline.settings.get("at", 0.0), 0.0):
            raise InputError(f"The outage of {pipeline.settings['outage']:,.0f} minutes is longer than the run, which "
                             f"has {minutes:,}.", "Choose a shorter one.", argument="shocks")
        if minutes < FEWEST_MINUTES and pipeline.name != "stress":
            raise InputError(f"The period has {minutes:,} minutes, and the candle pipeline {pipeline.name} takes each "
                             "from its time of day.", "It needs two days or more, so that there are others to take.")
        if minutes % step:
            raise InputError(f"The period's {minutes:,} minutes do not consist of whole steps of {step:,} minutes, "
                             f"which the candle pipeline {pipeline.name} needs.", "Change the period's end.")
        return
    if pipeline.batch_size % step:
        raise InputError(f"The candle pipeline's batch of {pipeline.batch_size:,} minutes does not consist of whole "
                         f"steps of {step:,} minutes.", f"Set batch_size to a multiple of {step:,}.")
    short = [count for count in candles if count % pipeline.batch_size]
    if pipeline.name == "gaussian_noise" and short:
        day = " 1,440 (a day) does for whole days." if all(count % 1_440 == 0 for count in short) else ""
        raise InputError(f"The candle pipeline's batch of {pipeline.batch_size:,} minutes does not divide the period's "
                         f"{short[0]:,} candles, which gaussian_noise needs.",
                         f"Set batch_size to a divisor, or change the period.{day}")


def pipeline_arguments(pipeline: CandlePipeline | None, start: int, minutes: int) -> dict[str, Any]:
    """Return what ``jesse.research.backtest`` is to be given for a pipeline: nothing for none.

    The traded period begins at ``start``, milliseconds UTC, and is so many ``minutes`` long.
    """
    if pipeline is None or pipeline.name == "stress":  # of which Jesse is given the candles as they are then
        return {}
    kind, pipelines = _KINDS[pipeline.name], jesse_module("jesse.candle_pipelines")
    if not kind.jesse_class:
        ours = stationary_bootstrap(pipelines.BaseCandlesPipeline, start, minutes, pipeline.block, pipeline.seed)
        return {"candles_pipeline_class": ours, "candles_pipeline_kwargs": {"batch_size": minutes}}
    arguments: dict[str, Any] = {"batch_size": pipeline.batch_size, **pipeline.settings}
    original = getattr(pipelines, kind.jesse_class)
    if kind.takes_seed:
        return {"candles_pipeline_class": original, "candles_pipeline_kwargs": {**arguments, "seed": pipeline.seed}}
    return {"candles_pipeline_class": _with_own_randomness(original, pipeline.seed),
            "candles_pipeline_kwargs": arguments}


def _with_own_randomness(original: type[Any], seed: int) -> type[Any]:
    """Return Jesse's class, drawing what it would after ``np.random.seed(seed)``, whatever the strategy draws.

    The pipelines of a run's markets share one stream, as Jesse's share NumPy's.
    """
    stream = np.random.RandomState(seed)

    class Seeded(original):  # type: ignore[misc]  # Jesse is untyped
        def process(self, *arguments: Any) -> bool:
            before = np.random.get_state()
            np.random.set_state(stream.get_state())
            try:
                return bool(super().process(*arguments))
            finally:
                stream.set_state(np.random.get_state())
                np.random.set_state(before)

    return Seeded


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(f"The candle pipeline's {name} is {shown(value)}.", "It is a finite number.")
    if name == "change" and value <= -1:
        raise InputError(f"The candle pipeline's change is {shown(value)}: no price would be above zero.",
                         "It is a fraction above -1; -0.3 is a fall of 30 %.")
    if (name == "volatility" and value < 0) or (name in _LENGTHS and value < (name == "minutes")):
        raise InputError(f"The candle pipeline's {name} is {shown(value)}.",
                         "It is a factor from 0 up." if name == "volatility" else "It counts minutes.")
    if name == "block" and (value < 1 or float(value) % 1):
        raise InputError(f"The candle pipeline's block is {value!r}.", "It is a whole number of minutes, 1 or more.")
    if name.endswith("sigma") and value < 0:
        raise InputError(f"The candle pipeline's {name} is {shown(value)}.", "It is a spread: 0 or more.")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise InputError(f"The candle pipeline's {name} is {shown(value)}.",
                         f"It is a whole number from {low:,} to {high:,}.")
    return int(value)
