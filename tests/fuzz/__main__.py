"""Runs campaigns for some minutes each: ``python -m tests.fuzz properties --minutes 30``."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import pkgutil
import secrets
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import tests.fuzz


def names() -> list[str]:
    """Every campaign there is."""
    return sorted(module.name for module in pkgutil.iter_modules(tests.fuzz.__path__) if module.name != "__main__")


def campaign_class(name: str) -> Any:
    return importlib.import_module(f"tests.fuzz.{name}").Campaign


def run(name: str, minutes: float, first: int, *, draws: int = 0, failures: int = 3) -> bool:
    """Draw so often, or until the time is over, or something broke too often; return whether all promises held."""
    outcomes: Counter[str] = Counter()
    broken = 0
    until = math.inf if draws else time.monotonic() + minutes * 60
    with tempfile.TemporaryDirectory(prefix=f"jesse-nb-fuzz-{name}-") as folder:
        isolate(Path(folder))
        campaign = campaign_class(name)(Path(folder))
        try:
            number = first
            while True:
                try:
                    outcomes[campaign.draw(Random(number))] += 1
                except Exception:  # noqa: BLE001 - whatever it is, it broke a promise
                    broken += 1
                    traceback.print_exc()
                    print(f"\n{number} broke. Again: python -m tests.fuzz {name} --replay {number}\n", flush=True)
                number += 1
                if number - first == draws or broken >= failures or time.monotonic() >= until:
                    break
        finally:
            getattr(campaign, "close", lambda: None)()
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
    print(f"{name}: {number - first:,} draws from {first} on: {told or 'none held'}; {broken} broken", flush=True)
    return not broken


def isolate(folder: Path) -> None:
    """Keep campaigns away from the user's own candles, runs and jobs."""
    for variable in ("CANDLES", "STORE", "JOBS"):
        os.environ[f"JESSE_NB_{variable}"] = str(folder / variable.lower())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help="all of them, if none is named")
    parser.add_argument("--minutes", type=float, default=5.0, help="for each campaign (default: 5)")
    parser.add_argument("--draws", type=int, default=0, help="so many for each campaign, however long they take")
    parser.add_argument("--seed", type=int, help="the number to begin with (default: by chance)")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="one draw only: this one")
    parser.add_argument("--list", action="store_true", help="say which campaigns there are")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.campaigns) - set(names()))
    if unknown:
        parser.error(f"there is no campaign {unknown[0]!r}, only {', '.join(names())}")
    if chosen.list:
        for name in names():
            print(f"{name:12} {campaign_class(name).__doc__.splitlines()[0]}")
        return 0
    first = chosen.seed if chosen.seed is not None else secrets.randbelow(10**9)
    once = chosen.replay is not None
    held = [run(name, chosen.minutes, chosen.replay if once else first, draws=1 if once else chosen.draws)
            for name in chosen.campaigns or names()]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
