"""The entry of the open-ended campaigns; what they draw is run apart."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import __main__ as fuzz


class Dice:
    """A promise that one draw in six breaks."""

    def __init__(self, folder: Path) -> None:
        assert list(folder.iterdir()) == []

    def draw(self, random: Random) -> str:
        eyes = random.randint(1, 6)
        assert eyes < 6, "a six"
        return "even" if eyes % 2 == 0 else "odd"


@pytest.fixture(autouse=True)
def dice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "campaign_class", {"dice": Dice}.__getitem__)
    for variable in ("CANDLES", "STORE", "JOBS"):
        monkeypatch.setenv(f"JESSE_NB_{variable}", "restored afterwards")


def test_what_breaks_is_told_with_the_number_that_draws_it_again(capsys: pytest.CaptureFixture[str]):
    assert not fuzz.run("dice", minutes=1, first=0, failures=1)
    shown = capsys.readouterr()
    number = int(shown.out.partition("--replay ")[2].split()[0])
    assert "a six" in shown.err
    assert f"dice: {number + 1} draws from 0 on: " in shown.out
    assert not fuzz.run("dice", minutes=0, first=number, draws=1)
    assert fuzz.run("dice", minutes=0, first=number - 1, draws=1)
    assert "1 broken" not in capsys.readouterr().out.splitlines()[-1]


def test_time_ends_a_campaign(capsys: pytest.CaptureFixture[str]):
    assert fuzz.run("dice", minutes=0, first=1)
    assert "dice: 1 draws from 1 on" in capsys.readouterr().out


def test_so_many_draws_whatever_their_time(capsys: pytest.CaptureFixture[str]):
    fuzz.run("dice", minutes=0, first=1, draws=7, failures=8)
    assert "dice: 7 draws from 1 on" in capsys.readouterr().out


def test_every_campaign_says_what_it_draws():
    for name in fuzz.names():
        described = __import__(f"tests.fuzz.{name}", fromlist=["Campaign"]).Campaign
        assert described.__doc__
        assert callable(described.draw)
