"""A strategy with stops that move, targets, and lines of its own: what the trade explorer shows."""

DRAWER = '''
from jesse import utils
from jesse.strategies import Strategy


class Drawer(Strategy):
    def hyperparameters(self):
        return [{"name": "length", "type": int, "min": 4, "max": 20, "default": 8}]

    def mean(self):
        return float(self.candles[-self.hp["length"]:, 2].mean())

    def should_long(self):
        return self.price > self.mean()

    def should_short(self):
        return self.price < self.mean()

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.5, self.price), self.price

    def go_short(self):
        self.sell = utils.size_to_qty(self.balance * 0.5, self.price), self.price

    def on_open_position(self, order):
        sign = 1 if self.is_long else -1
        self.stop_loss = self.position.qty, self.price * (1 - sign * 0.01)
        self.take_profit = self.position.qty, self.price * (1 + sign * 0.02)

    def update_position(self):
        sign = 1 if self.is_long else -1
        trail = self.price * (1 - sign * 0.01)
        if sign * (trail - self.average_stop_loss) > 0:
            self.stop_loss = abs(self.position.qty), trail

    def update_chart(self):
        self.add_line_to_candle_chart("<b>mean</b>", self.mean(), "not a colour")
        self.add_extra_line_chart("<i>gap</i>", "gap", self.price - self.mean(), "#f59e0b")
        self.add_horizontal_line_to_extra_chart("<i>gap</i>", "zero", 0.0, "red")
        self.add_line_to_candle_chart("nothing", float("nan"))
'''

#: Trades otherwise each time: it asks the clock.
MOODY = DRAWER.replace("class Drawer", "class Moody").replace(
    "return self.price > self.mean()", "import time; return time.time_ns() // 1000 % 3 > 0").replace(
    "return self.price < self.mean()", "return False")
