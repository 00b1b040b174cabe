"""A strategy that does all that orders allow, by chance but the same each time, and notes all that it sees."""

#: Ladders of entries, several targets, stops that move, late changes of mind: chance is drawn anew from ``seed`` and
#: the time. At its end it prints a digest of all it saw on its way: candles, also those under way when an order is
#: filled, times, prices, balances and orders, with their types.
JUGGLER = '''
import hashlib
import random

from jesse.strategies import Strategy


class Juggler(Strategy):
    def hyperparameters(self):
        return [{"name": "seed", "type": int, "min": 0, "max": 1_000_000, "default": 0}]

    def __init__(self):
        super().__init__()
        self.digest = hashlib.md5()

    def see(self, *more):
        position = self.position
        seen = [self.index, self.time, self.price, self.close, position.qty, position.type, position.current_price,
                position.pnl, self.balance, self.available_margin, self.portfolio_value, len(self.trades),
                *((order.side, order.type, order.status, order.price, order.qty) for order in self.entry_orders),
                *((order.type, order.status, order.price, order.qty) for order in self.exit_orders), *more]
        for route in [*self.routes, *self.data_routes]:
            candles = self.get_candles(route.exchange, route.symbol, route.timeframe)
            seen += [candles.shape, candles[-3:].tolist()]
        seen += [self.candles.shape, self.current_candle.tolist(), type(self.time), type(self.price),
                 type(position.current_price), type(position.qty), type(self.balance)]
        self.digest.update(repr(seen).encode())

    def before(self):
        self.chance = random.Random(f'{self.hp["seed"]} {self.symbol} {self.time}')
        self.mood = self.chance.random()
        self.see("before")

    def after(self):
        self.see("after")

    def near(self, spread=0.006):
        return self.price * (1 + self.chance.uniform(-spread, spread))

    def quantities(self):
        count = self.chance.randint(1, 3)
        return [0.5 * self.available_margin / self.price / count] * count

    def should_long(self):
        return self.mood < 0.3

    def should_short(self):
        return self.mood > 0.7 and self.is_futures_trading

    def go_long(self):
        self.buy = [(quantity, self.chance.choice([self.price, self.near()])) for quantity in self.quantities()]
        if self.is_futures_trading and self.chance.random() < 0.3:
            self.stop_loss = sum(quantity for quantity, _ in self.buy), self.price * 0.99

    def go_short(self):
        self.sell = [(quantity, self.chance.choice([self.price, self.near()])) for quantity in self.quantities()]
        if self.chance.random() < 0.3:
            self.take_profit = sum(quantity for quantity, _ in self.sell), self.price * 0.995

    def protect(self):
        sign = 1 if self.is_long else -1
        whole = abs(self.position.qty)
        self.stop_loss = whole, self.price * (1 - sign * self.chance.uniform(0.001, 0.01))
        if self.is_futures_trading:
            parts = self.chance.randint(1, 3)
            self.take_profit = [(whole / parts, self.price * (1 + sign * self.chance.uniform(0.001, 0.01)))
                                for _ in range(parts)]

    def on_open_position(self, order):
        self.see("open", order.price)
        if self.chance.random() < 0.8:
            self.protect()

    def on_increased_position(self, order):
        self.see("increased", order.price)
        if self.chance.random() < 0.5:
            self.protect()

    def on_reduced_position(self, order):
        self.see("reduced", order.price)
        if self.chance.random() < 0.3:
            self.liquidate()

    def on_close_position(self, order, closed_trade):
        self.see("close", order.price, closed_trade.pnl, closed_trade.fee, closed_trade.qty)

    def on_cancel(self):
        self.see("cancel")

    def should_cancel_entry(self):
        return self.chance.random() < 0.6

    def update_position(self):
        if self.mood < 0.15:
            self.liquidate()
        elif self.mood < 0.4:
            self.protect()

    def on_route_open_position(self, strategy):
        self.see("another opened", strategy.symbol)

    def terminate(self):
        self.see("end", self.metrics if self.trades else None)
        print(self.digest.hexdigest())
'''
