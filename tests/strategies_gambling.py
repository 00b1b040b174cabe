"""A strategy that trades at random, much at once, and seldom lets go: accounts of all kinds, ruined ones among them."""

#: Entries at the market, at limits and at stops, some of them far away, so that orders rest for long. ``seed`` and the
#: time decide; ``hold`` is the chance that a position is kept for another candle.
GAMBLER = '''
import random

from jesse.strategies import Strategy


class Gambler(Strategy):
    def hyperparameters(self):
        return [{"name": "seed", "type": int, "min": 0, "max": 1_000_000, "default": 0},
                {"name": "hold", "type": float, "min": 0, "max": 1, "default": 0.95}]

    def before(self):
        self.chance = random.Random(f'{self.hp["seed"]} {self.symbol} {self.time}')
        self.mood = self.chance.random()

    def entries(self):
        count = self.chance.randint(1, 2)
        whole = self.chance.uniform(0.2, 0.9) * max(self.available_margin, 0) * self.leverage / self.price
        return [(whole / count, self.chance.choice([
            self.price, self.price * (1 + self.chance.uniform(-0.004, 0.004)),
            self.price * (1 - self.chance.uniform(0.01, 0.04))])) for _ in range(count)]

    def should_long(self):
        return self.mood < (0.3 if self.is_futures_trading else 0.6) and self.available_margin > 10

    def should_short(self):
        return self.mood > 0.7 and self.is_futures_trading and self.available_margin > 10

    def go_long(self):
        self.buy = self.entries()

    def go_short(self):
        self.sell = self.entries()

    def should_cancel_entry(self):
        return self.chance.random() < 0.1

    def update_position(self):
        if self.chance.random() > self.hp["hold"]:
            self.liquidate()
        elif self.chance.random() < 0.1:
            sign = 1 if self.is_long else -1
            self.take_profit = abs(self.position.qty), self.price * (1 + sign * self.chance.uniform(0.002, 0.02))
            self.stop_loss = abs(self.position.qty), self.price * (1 - sign * self.chance.uniform(0.002, 0.02))
'''
