"""Tables of regimes: one row a fit, and how long a stay in each state was."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.regime_labels import RefitLabels
from jesse_nb.core.analysis.markets.regime_path import RefitStates

__all__ = ["hidden_fits", "label_fits", "stays"]


def hidden_fits(fits: Sequence[RefitStates], moments: pd.Index[pd.Timestamp], names: Sequence[str]) -> pd.DataFrame:
    """Return one row a fit of hidden states, with what it was fitted to.

    Parameters
    ----------
    fits
        In order of time.
    moments
        At which each was used first.
    names
        Of the states, the calmest first.
    """
    return pd.DataFrame([{
        "day": moment, "converged": fit.converged, "likelihood": fit.model.likelihood, "changed": fit.changed,
        **{f"mean_{name}": mean * 100 for name, mean in zip(names, fit.model.means, strict=True)},
        **{f"volatility_{name}": spread * 100 for name, spread in zip(names, fit.model.deviations, strict=True)},
    } for fit, moment in zip(fits, moments, strict=True)])


def label_fits(
    fits: Sequence[RefitLabels], moments: pd.Index[pd.Timestamp], names: Sequence[str], returns: NDArray[np.float64]
) -> pd.DataFrame:
    """Return one row a fit of labels, with what it calls so: they have no likelihood.

    Parameters
    ----------
    fits, moments, names
        As in :func:`hidden_fits`.
    returns
        All that was told of, those learned from before them.
    """
    rows = []
    for one, moment in zip(fits, moments, strict=True):
        parts = [returns[: one.place][one.past == state] for state in range(len(names))]
        rows.append({
            "day": moment, "converged": True, "likelihood": math.nan, "changed": one.changed,
            **{f"mean_{name}": part.mean() * 100 if len(part) else math.nan
               for name, part in zip(names, parts, strict=True)},
            **{f"volatility_{name}": part.std() * 100 if len(part) else math.nan
               for name, part in zip(names, parts, strict=True)}})
    return pd.DataFrame(rows)


def stays(state: NDArray[np.int64], names: Sequence[str]) -> pd.Series[float]:
    """Return the mean length of the stays in each state."""
    breaks = np.r_[0, np.flatnonzero(np.diff(state)) + 1, len(state)]
    lengths, which = np.diff(breaks), state[breaks[:-1]]
    means = [float(lengths[which == place].mean()) if (which == place).any() else math.nan
             for place in range(len(names))]
    return pd.Series(np.array(means, dtype=float), index=list(names))
