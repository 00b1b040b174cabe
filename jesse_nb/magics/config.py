"""`%config JesseNb`: defaults of the options that every magic line would repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from traitlets import Bool, CFloat, CInt, Enum, Unicode, Union, validate
from traitlets.config import Configurable

__all__ = ["JesseNb"]

#: Traits whose flag is shorter than the tool's parameter.
_PARAMETER_OF_TRAIT = {"trials": "n_trials", "jobs": "n_jobs"}

#: Traits that steer the front end and are no parameter of a tool.
_FRONT_END_TRAITS = {"warm_up"}


class JesseNb(Configurable):
    """Defaults for the magics of jesse_nb; an option given on the line wins.

    ``%config JesseNb`` lists them, ``%config JesseNb.jobs = 2`` sets one. None
    leaves the choice to the tool; what that is, is given in parentheses. ``c.JesseNb.jobs = 2`` in
    ``ipython_config.py`` or ``ipython_kernel_config.py`` keeps it for good.
    """

    exchange = Unicode(
        None, allow_none=True, help="Exchange whose stored candles are used (the one that has the symbol)."
    ).tag(config=True)
    symbol = Unicode(None, allow_none=True, help="Market that is traded, BTC-USDT for example.").tag(
        config=True
    )
    timeframe = Unicode(None, allow_none=True, help="Timeframe that is traded, 1h for example.").tag(
        config=True
    )
    jobs = Union(
        [CInt(), Unicode()],
        default_value=None,
        allow_none=True,
        help="Simulations that run at the same time, or a Ray cluster: ray, ray://HOST:10001 (all cores).",
    ).tag(config=True)
    trials = CInt(
        None,
        allow_none=True,
        help="Parameter sets that an optimization (100), or each window of a walk-forward (30), tries.",
    ).tag(config=True)
    metric = Unicode(None, allow_none=True, help="What an optimization optimizes (sharpe).").tag(config=True)
    pruner = Unicode(None, allow_none=True, help="Which trials an optimization stops early (none).").tag(config=True)
    sampler = Unicode(None, allow_none=True, help="How an optimization draws parameters (tpe).").tag(config=True)
    in_sample_period = CInt(None, allow_none=True, help="Days of training of a walk-forward's window (365).").tag(
        config=True
    )
    out_sample_period = CInt(None, allow_none=True, help="Days of testing of a walk-forward's window (30).").tag(
        config=True
    )
    step_forward = CInt(None, allow_none=True, help="Days from one window of a walk-forward to the next (7).").tag(
        config=True
    )
    gap = CInt(None, allow_none=True, help="Days that a walk-forward leaves out before testing (0).").tag(config=True)
    concurrent_limit = Union(
        [CInt(), Unicode()],
        default_value=None,
        allow_none=True,
        help="Simulations of a batch at the same time, or a Ray cluster: ray, ray://HOST:10001 (4).",
    ).tag(config=True)
    account = Enum(
        ("project",), None, allow_none=True,
        help="project: what is not set of the account is as in the Jesse project's dashboard.",
    ).tag(config=True)  # fmt: skip
    balance = CFloat(None, allow_none=True, help="Starting balance in the quote currency (10,000).").tag(config=True)
    fee = CFloat(None, allow_none=True, help="Fee of one fill as a fraction: 0.001 is 0.1 % (0.001).").tag(
        config=True
    )
    market = Enum(("futures", "spot"), None, allow_none=True, help="Kind of account (futures).").tag(config=True)
    leverage = CInt(None, allow_none=True, help="Leverage of a futures account (1).").tag(config=True)
    leverage_mode = Enum(
        ("cross", "isolated"), None, allow_none=True, help="Margin mode of a futures account (cross)."
    ).tag(config=True)
    maintenance_margin = CFloat(
        None, allow_none=True,
        help="Fraction of the value of open positions at which a cross account is ruined: 0.004 is 0.4 % (0.004).",
    ).tag(config=True)  # fmt: skip
    mode = Enum(("fast", "step"), None, allow_none=True, help="Jesse's simulation mode (fast).").tag(config=True)
    gaps = Enum(
        ("fill", "keep"), None, allow_none=True, help="What is done with minutes that have no candle (fill)."
    ).tag(config=True)
    warm_up_candles = CInt(
        None, allow_none=True, help="Candles that the strategy sees before the start (240)."
    ).tag(config=True)
    trial_timeout = CFloat(None, allow_none=True, help="Seconds that one simulation may take (600).").tag(
        config=True
    )
    source = Enum(
        ("auto", "store", "database"),
        None,
        allow_none=True,
        help="Where candles come from that the store lacks; auto is the Jesse project's database, if any (auto).",
    ).tag(config=True)
    project = Unicode(
        None,
        allow_none=True,
        help="Folder of the Jesse project with the strategies and the database (the working directory).",
    ).tag(config=True)
    store = Unicode(
        None,
        allow_none=True,
        help="File that keeps finished runs, or the address of a PostgreSQL (.jesse_nb/runs.sqlite).",
    ).tag(config=True)
    candles = Unicode(
        None, allow_none=True, help="Folder that keeps the candles (in the user's data folder)."
    ).tag(config=True)
    warm_up = Bool(
        True,
        help="Start the worker processes in the background when the extension loads; "
        "takes effect from a configuration file.",
    ).tag(config=True)

    def defaults_of_tools(self) -> dict[str, Any]:
        """Return what was set, by the name of the tools' parameter."""
        return {_PARAMETER_OF_TRAIT.get(name, name): value for name, value in self.chosen().items()}

    @validate("store")
    def _without_password(self, proposal: dict[str, Any]) -> Any:
        """Set a password aside, as settings are shown and written down."""
        from jesse_nb.core.jobs.store.address import is_address, without_password

        value = proposal["value"]
        return without_password(value) if is_address(value) else value

    def chosen(self) -> dict[str, Any]:
        """Return what was set of the tools' defaults, by the setting's own name."""
        values = {name: getattr(self, name) for name in self._of_tools()}
        return {name: value for name, value in values.items() if value is not None}

    @contextmanager
    def replaced(self, chosen: Mapping[str, Any]) -> Iterator[None]:
        """Have exactly these of the tools' defaults set for a while."""
        before = self.chosen()
        try:
            for name in self._of_tools():
                setattr(self, name, chosen.get(name))
            yield
        finally:
            for name in self._of_tools():
                setattr(self, name, before.get(name))

    def _of_tools(self) -> list[str]:
        return [name for name in self.class_trait_names(config=True) if name not in _FRONT_END_TRAITS]
