"""What a check of a strategy looks at."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["CHECKS", "Check"]

Check = Literal["look_ahead", "warm_up", "determinism", "reads", "fragility"]

#: In the order in which it is told.
CHECKS: tuple[str, ...] = get_args(Check)
