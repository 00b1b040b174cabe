"""A strategy's own values of its hyperparameters, and what becomes of them where some are given."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.spec import BacktestSpec, Route
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["default_hyperparameters", "on_route", "values_for_jesse", "values_not_given"]


def on_route(strategy: type[Any], route: Route | None = None) -> Any:
    """Return what stands for a strategy on a route: as in Jesse, it may declare other values for each symbol."""
    alike: Any = object.__new__(strategy)
    if route is not None:
        alike.exchange, alike.symbol, alike.timeframe = route.exchange, route.symbol, route.timeframe
    return alike


def default_hyperparameters(strategy: type[Any], route: Route | None = None) -> dict[str, Any]:
    """Return a strategy's own values: decoded from its DNA, or the declared defaults."""
    alike = on_route(strategy, route)
    declared, dna = alike.hyperparameters(), alike.dna()
    if dna:
        decoded: dict[str, Any] = jesse_module("jesse.helpers").dna_to_hp(declared, dna)
        return decoded
    return {parameter["name"]: parameter["default"] for parameter in declared}


def values_for_jesse(classes: dict[str, type[Any]], spec: BacktestSpec) -> dict[str, Any] | None:
    """Complete the spec's values: Jesse gives each route the same ones, in place of all defaults."""
    if not spec.hyperparameters:
        return None
    defaults = [default_hyperparameters(classes[route.strategy.hash], route) for route in spec.routes]
    known = {name for own in defaults for name in own}
    for name in spec.hyperparameters:
        # A strategy that declares none may use any; for one that does, a mistyped name would change nothing.
        if name not in known and all(defaults):
            raise InputError(f"The strategy declares no hyperparameter {shown(name)}.", did_you_mean(name, known))
    values: dict[str, Any] = {}
    for own in defaults:
        for name, value in own.items():
            if name not in spec.hyperparameters and values.setdefault(name, value) != value:
                raise InputError(f"The routes differ in their default of {shown(name)}; Jesse gives one to all.",
                                 f"Give {name!r} a value, too, or give none at all.")
    return {**values, **spec.hyperparameters}


def values_not_given(classes: dict[str, type[Any]], spec: BacktestSpec) -> dict[str, Any]:
    """Return the strategies' own values of what the spec does not give, as JSON has values.

    Where routes differ in one, which they may when nothing is given, each is named with its route.
    """
    found: dict[str, dict[str, Any]] = {}
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), contextlib.suppress(Exception):
        for route in spec.routes:  # whatever it prints or raises here is no part of the run
            for name, value in default_hyperparameters(classes[route.strategy.hash], route).items():
                found.setdefault(str(name), {})[f"{route.symbol} {route.timeframe}"] = _plain(value)
    values: dict[str, Any] = {}
    for name, by_route in found.items():
        if name not in spec.hyperparameters:
            alike = len(set(map(repr, by_route.values()))) == 1
            values |= {name if alike else f"{name} on {where}": value for where, value in by_route.items()}
    return values


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if value is None or type(value) in (bool, int, float, str) else str(value)
