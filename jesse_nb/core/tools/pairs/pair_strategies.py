"""The two strategies that trade a pair, as source text: the first leads, the other follows."""

from __future__ import annotations

from dataclasses import dataclass

from jesse_nb.core.simulator.strategies.strategy import StrategyCode, code_of_source, resolve_strategy

__all__ = ["PairRules", "pair_strategies"]

#: What both legs do once their side is decided.
_LEG = '''\

    def should_long(self):
        return self.side() > 0

    def should_short(self):
        return self.side() < 0

    def go_long(self):
        self.buy = self.shared_vars["quantities"][self.symbol], self.price

    def go_short(self):
        self.sell = self.shared_vars["quantities"][self.symbol], self.price

    def should_cancel_entry(self):
        return True

    def update_position(self):
        if not self.side():
            self.liquidate()
'''

_LEADER = '''\
"""Trades the leading leg of a pair, and decides for both. Its numbers were known before its first candle."""

import math

from jesse.strategies import Strategy


class PairLeader(Strategy):
    other = {other!r}
    beta, mean, deviation = {beta!r}, {mean!r}, {deviation!r}  # of log prices: first - beta * other
    exposure, share = {exposure!r}, {share!r}  # value of both legs per balance, and the first leg's part of it
    longest = {longest!r}  # candles

    def hyperparameters(self):
        return [
            dict(name="entry", type=float, min=0.5, max=5.0, default={entry!r}),
            dict(name="exit", type=float, min=-1.0, max=2.0, default={exit!r}),
            dict(name="stop", type=float, min=2.0, max=10.0, default={stop!r}),
        ]

    def before(self):
        pair = self.shared_vars
        if "side" not in pair:
            pair.update(side=0, candles=0, waits=False)
        theirs = self.get_candles(self.exchange, self.other, self.timeframe)[-1, 2]
        score = (math.log(self.price) - self.beta * math.log(theirs) - self.mean) / self.deviation
        if pair["side"]:
            positions = self.all_positions
            lost = positions[self.symbol].is_close or positions[self.other].is_close
            pair["candles"] += 1
            back = -pair["side"] * score <= self.hp["exit"]
            if lost or back or -pair["side"] * score >= self.hp["stop"] or pair["candles"] >= self.longest:
                pair.update(side=0, waits=not back)
        else:
            pair["waits"] = pair["waits"] and abs(score) > self.hp["exit"]
            if not pair["waits"] and self.hp["entry"] <= abs(score) < self.hp["stop"]:
                value = self.exposure * self.balance
                pair.update(side=-1 if score > 0 else 1, candles=0, quantities={{
                    self.symbol: value * self.share / self.price,
                    self.other: value * (1 - self.share) / theirs,
                }})

    def side(self):
        return self.shared_vars["side"]
''' + _LEG

_FOLLOWER = '''\
"""Trades the other leg of a pair as the leader, whose route comes first, has decided at the same close."""

from jesse.strategies import Strategy


class PairFollower(Strategy):
    def hyperparameters(self):
        return []

    def side(self):
        return -self.shared_vars["side"]
''' + _LEG


@dataclass(frozen=True)
class PairRules:
    """What both legs go by.

    Attributes
    ----------
    entry, exit, stop
        Deviations of the spread from its mean, in standard deviations: from ``entry`` on it is traded, at ``exit`` it
        has come back, from ``stop`` on it is given up.
    longest
        Candles that a trade is held at the most.
    exposure
        Value of both legs together when they open, as a fraction of the balance.
    sizing
        ``beta`` (the other leg's value is the hedge ratio times the first's) or ``dollar`` (both alike).
    """

    entry: float
    exit: float
    stop: float
    longest: int
    exposure: float
    sizing: str

    def share(self, beta: float) -> float:
        """Return the first leg's part of the value of both."""
        return 0.5 if self.sizing == "dollar" else 1.0 / (1.0 + beta)


def pair_strategies(
    other: str, beta: float, mean: float, deviation: float, rules: PairRules
) -> tuple[StrategyCode, StrategyCode]:
    """Return leader and follower of a pair, with its numbers bound in their text.

    Parameters
    ----------
    other
        Symbol that the leader hedges with.
    beta, mean, deviation
        Of the spread of log prices, first less ``beta`` times the other.
    rules
        What both go by; ``entry``, ``exit`` and ``stop`` are the leader's hyperparameters.
    """
    text = _LEADER.format(other=other, beta=beta, mean=mean, deviation=deviation, exposure=rules.exposure,
                          share=rules.share(beta), longest=rules.longest, entry=rules.entry, exit=rules.exit,
                          stop=rules.stop)
    return tuple(resolve_strategy(code_of_source(name, source))  # type: ignore[return-value]
                 for name, source in (("PairLeader", text), ("PairFollower", _FOLLOWER)))
