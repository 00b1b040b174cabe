"""A strategy that trades with its share of an account, as source text: what it was, and a class around it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["share_text", "text_within"]

_SHARE = '''

class {name}({alone}):
    """Trades as {alone} does, with its share of an account that a portfolio trades."""

    def _jn_share(self):
        """Return which share of the account is mine: as it was divided last, and as trades that closed since went."""
        moments, shares, parts = {moments!r}, {shares!r}, {parts!r}
        book = self.shared_vars.setdefault("jesse_nb portfolio",
                                           dict(stage=-1, seen=0, money=dict.fromkeys(shares, 0.0)))
        money, closed = book["money"], self.trades

        def divide(until):
            while book["stage"] + 1 < len(moments) and moments[book["stage"] + 1] <= until:
                book["stage"] += 1
                total = sum(money.values()) if book["stage"] else self.position.exchange.started_balance
                money.update({{part: total * share[book["stage"]] for part, share in shares.items()}})

        for trade in closed[book["seen"]:]:
            divide(trade.closed_at - 1)
            money[parts[trade.symbol]] += trade.pnl
        book["seen"] = len(closed)
        divide(self.time)
        total = sum(max(value, 0.0) for value in money.values())
        return max(money[parts[self.symbol]], 0.0) / total if total > 0 else 0.0

    def _jn_mine(self):
        """Return the strategies of my part: my own, and those that traded in its account with it."""
        parts = {parts!r}
        return [route.strategy for route in self.routes
                if route.strategy is not None and parts[route.symbol] == parts[self.symbol]]

    @staticmethod
    def _jn_resting(strategy):
        return sum(abs(order.qty) * order.price for order in strategy.entry_orders if order.is_active)

    def _jn_spent(self, strategies):
        """Return what positions and orders hold of a wallet of coins."""
        return sum(self._jn_resting(one) + (abs(one.position.qty) * one.position.entry_price
                                            if one.position.is_open else 0.0) for one in strategies)

    @property
    def balance(self):
        wallet = super().balance
        if not self.is_spot_trading:
            return wallet * self._jn_share()
        everyone = [route.strategy for route in self.routes if route.strategy is not None]
        mine = self._jn_share() * (wallet + self._jn_spent(everyone)) - self._jn_spent(self._jn_mine())
        return min(wallet, max(mine, 0.0))

    @property
    def available_margin(self):
        if self.is_spot_trading:
            return self.balance
        exchange, margin = self.position.exchange, self.balance
        for strategy in self._jn_mine():
            position, asset = strategy.position, strategy.symbol.split("-")[0]
            if position.is_open:
                margin -= position.total_cost - position.pnl
            margin -= max(abs((orders[asset][:][:, 0] * orders[asset][:][:, 1]).sum())
                          for orders in (exchange.buy_orders, exchange.sell_orders)) / self.leverage
        return min(margin, super().available_margin)

    @property
    def portfolio_value(self):
        mine = self._jn_mine()
        if self.is_spot_trading:
            held = self._jn_resting(self) + sum(one.position.value for one in mine)
        else:
            held = sum(one.position.pnl for one in mine)
        return held * self.leverage + self.balance  # times the leverage, as Jesse has it

    def should_long(self):
        return super().should_long() and self._jn_share() > 0

    def should_short(self):
        return super().should_short() and self._jn_share() > 0
'''

_VALUES = '''
    def hyperparameters(self):
        values = {values!r}
        declared = [dict(row) for row in super().hyperparameters()]
        known = [row["name"] for row in declared]
        return [row | dict(default=values.get(row["name"], row["default"])) for row in declared] + [
            dict(name=name, type=type(value), default=value) for name, value in values.items() if name not in known]

    def dna(self):
        return ""
'''


def share_text(
    text: str, alone: str, name: str, moments: Sequence[int], shares: Mapping[str, Sequence[float]],
    symbols: Mapping[str, str], values: Mapping[str, Any],
) -> str:
    """Return a strategy's text with a class around it, for which balance and margin are those of its share.

    Between two moments a share drifts with the part's own closed trades, as an account of its own would. All shares
    together are the whole account, so fees and funding of what is open are borne by all alike until it closes.

    Parameters
    ----------
    text, alone
        The strategy's file, and its class in it.
    name
        Of the class around it.
    moments
        Milliseconds UTC from which shares hold, in order of time; 0 for the first.
    shares
        By part: its share from each moment on.
    symbols
        Which part trades a symbol.
    values
        Hyperparameters of this route, all of them; empty for the strategy's own.
    """
    filled = {part: tuple(share) for part, share in shares.items()}
    made = _SHARE.format(name=name, alone=alone, moments=tuple(moments), shares=filled, parts=dict(symbols))
    return text.rstrip("\n") + "\n" + made + (_VALUES.format(values=dict(values)) if values else "")


def text_within(text: str, alone: str, name: str) -> str | None:
    """Return the strategy's own file in what :func:`share_text` made; None where anything else stands around it.

    Parameters
    ----------
    text
        Perhaps made so.
    alone, name
        As of :func:`share_text`.
    """
    own, _, around = text.partition(f"\n\n\nclass {name}({alone}):\n")
    try:
        nodes = ast.walk(ast.parse(f"class {name}({alone}):\n{around}"))
        assigned = {ast.unparse(node.targets[0]).strip("()"): node.value for node in nodes
                    if isinstance(node, ast.Assign)}
        moments, shares, parts = ast.literal_eval(assigned["moments, shares, parts"])
        values = ast.literal_eval(assigned["values"]) if "values" in assigned else {}
        made = share_text(own, alone, name, moments, shares, parts, values)
    except (SyntaxError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return f"{own}\n" if made == text else None
