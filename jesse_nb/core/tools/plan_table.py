"""What a walk-forward would do, for a look before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from jesse_nb.core.study.cpcv_study import Group
from jesse_nb.core.study.windows import walk_forward_windows, windows_table
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups
from jesse_nb.exceptions import InputError, did_you_mean, shown

__all__ = ["plan_table"]


def plan_table(arguments: Mapping[str, Any]) -> pd.DataFrame:
    """Return where a walk-forward would train and test, as text in columns.

    Parameters
    ----------
    arguments
        Arguments of :func:`~jesse_nb.core.tools.walk_forward.walk_forward.walk_forward` by their names. Those that do
        not decide where windows lie are ignored, those that are None are left to its defaults.

    Returns
    -------
    pandas.DataFrame
        One row a window, or for ``split="cpcv"`` one row a group; days as the shortest number that says them.

    Raises
    ------
    InputError
        When a number is not in its range, or the split is unknown.
    PeriodError
        When nothing fits into the period, or it cannot be read.
    """
    split = arguments.get("split") or "windows"
    if split == "cpcv":
        table = _groups_table(_called(cpcv_groups, arguments))
    elif split == "windows":
        table = windows_table(_called(walk_forward_windows, arguments)).reset_index()
        table["partial"] = table["partial"].map({True: "yes", False: "no"})
        for name in ("train days", "test days"):
            table[name] = table[name].map("{:g}".format)
    else:
        raise InputError(f"No split is called {shown(split)}.", did_you_mean(str(split), ("windows", "cpcv")),
                         argument="split")
    return table


def _called(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    chosen = {name: arguments.get(name) for name in inspect.signature(function).parameters}
    given = {name: value for name, value in chosen.items() if value is not None}
    return function(**{"start": None, "end": None, **given})


def _groups_table(groups: tuple[Group, ...]) -> pd.DataFrame:
    return pd.DataFrame([
        {"group": group.number, "from": utc_text(group.start), "to": utc_text(group.end), "days": f"{group.days:g}"}
        for group in groups
    ])
