"""`%config JesseNb`: defaults of the options that every magic line would repeat."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, CFloat, CInt, Enum, Unicode
from traitlets.config import Configurable

__all__ = ["JesseNb"]

#: Traits whose flag is shorter than the tool's parameter.
_PARAMETER_OF_TRAIT = {"trials": "n_trials", "jobs": "n_jobs"}

#: Traits that steer the front end and are no parameter of a tool.
_FRONT_END_TRAITS = {"warm_up"}


class JesseNb(Configurable):
    """Defaults for the magics of jesse_nb; an option given on the line wins.

    ``%config JesseNb`` lists them, ``%config JesseNb.jobs = 2`` sets one. None
    leaves the choice to the tool. ``c.JesseNb.jobs = 2`` in
    ``ipython_config.py`` or ``ipython_kernel_config.py`` keeps it for good.
    """

    exchange = Unicode(None, allow_none=True, help="Exchange whose stored candles are used.").tag(config=True)
    symbol = Unicode(None, allow_none=True, help="Market that is traded, BTC-USDT for example.").tag(
        config=True
    )
    timeframe = Unicode(None, allow_none=True, help="Timeframe that is traded, 1h for example.").tag(
        config=True
    )
    jobs = CInt(None, allow_none=True, help="Simulations that run at the same time.").tag(config=True)
    trials = CInt(
        None, allow_none=True, help="Parameter sets that an optimization, or each window of a walk-forward, tries."
    ).tag(config=True)
    metric = Unicode(None, allow_none=True, help="What an optimization optimizes.").tag(config=True)
    sampler = Unicode(None, allow_none=True, help="How an optimization draws parameters.").tag(config=True)
    in_sample_period = CInt(None, allow_none=True, help="Days of training of a walk-forward's window.").tag(
        config=True
    )
    out_sample_period = CInt(None, allow_none=True, help="Days of testing of a walk-forward's window.").tag(
        config=True
    )
    step_forward = CInt(None, allow_none=True, help="Days from one window of a walk-forward to the next.").tag(
        config=True
    )
    gap = CInt(None, allow_none=True, help="Days that a walk-forward leaves out before testing.").tag(config=True)
    concurrent_limit = CInt(None, allow_none=True, help="Simulations of a batch at the same time.").tag(config=True)
    balance = CFloat(None, allow_none=True, help="Starting balance in the quote currency.").tag(config=True)
    fee = CFloat(None, allow_none=True, help="Fee of one fill as a fraction: 0.001 is 0.1 %.").tag(
        config=True
    )
    market = Enum(("futures", "spot"), None, allow_none=True, help="Kind of account.").tag(config=True)
    leverage = CInt(None, allow_none=True, help="Leverage of a futures account.").tag(config=True)
    leverage_mode = Enum(
        ("cross", "isolated"), None, allow_none=True, help="Margin mode of a futures account."
    ).tag(config=True)
    mode = Enum(("fast", "step"), None, allow_none=True, help="Jesse's simulation mode.").tag(config=True)
    gaps = Enum(
        ("fill", "keep"), None, allow_none=True, help="What is done with minutes that have no candle."
    ).tag(config=True)
    warm_up_candles = CInt(
        None, allow_none=True, help="Candles that the strategy sees before the start."
    ).tag(config=True)
    trial_timeout = CFloat(None, allow_none=True, help="Seconds that one simulation may take.").tag(
        config=True
    )
    project = Unicode(None, allow_none=True, help="Folder of the Jesse project with the strategies.").tag(
        config=True
    )
    store = Unicode(None, allow_none=True, help="File that keeps finished runs.").tag(config=True)
    candles = Unicode(None, allow_none=True, help="Folder that keeps the candles.").tag(config=True)
    warm_up = Bool(
        True,
        help="Start the worker processes in the background when the extension loads; "
        "takes effect from a configuration file.",
    ).tag(config=True)

    def defaults_of_tools(self) -> dict[str, Any]:
        """Return what was set, by the name of the tools' parameter."""
        chosen = {
            name: getattr(self, name)
            for name in self.class_trait_names(config=True)
            if name not in _FRONT_END_TRAITS
        }
        return {
            _PARAMETER_OF_TRAIT.get(name, name): value for name, value in chosen.items() if value is not None
        }
