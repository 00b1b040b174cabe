"""Folders that hold a symbol of several markets, laid out at random: whatever is imported is of one market."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz.mixed_folders import Campaign


def test_no_layout_joins_two_markets(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path)
    outcomes = [campaign.draw(Random(number)) for number in range(60)]
    assert sum(outcome.startswith("imported") for outcome in outcomes) > 10
    assert sum(outcome.startswith("refused") for outcome in outcomes) > 10
