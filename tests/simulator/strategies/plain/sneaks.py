"""Statements by which a strategy would leave something behind, take something from outside, or hide either.

Each stands in ``should_long``; those of :data:`AROUND` replace parts of the whole text.
"""

from __future__ import annotations

STRATEGY = """
import math
import numpy as np
import jesse.indicators as ta
from jesse import utils
from jesse.strategies import Strategy

LIMIT = 0.5
space = {"fast": (2, 20)}

class Sneaking(Strategy):
    factor = 2
    def __init__(self):
        super().__init__()
        self.count = 0
        self.seen = []
        self.kept = self.candles_of_old = None
    def should_long(self, extra=1):
        line = ta.sma(self.candles, 8, sequential=True)
        # here
        return line[-1] > line[-2]
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * LIMIT, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if ta.sma(self.candles, 8) < ta.sma(self.candles, 30):
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""

SNEAKS = """
self.__class__.seen_by_all = 1
type(self).factor = 3
Sneaking.factor = 3
Strategy.liquidate = None
ta.ema = ta.sma
utils.size_to_qty = None
np.mean = None
np.random.seed(1)
line[-1] = np.random.rand()
math.tau = 3
self.candles[...] = 0
self.candles[-1, 2] = 0
self.candles[-1][2] = 0
self.candles += 1
self.candles.sort()
self.candles.fill(0)
self.candles.flags.writeable = True
self.candles.setflags(write=True)
self.candles.T[0] = 1
self.hp["fast"] = 3
self.hp.update({"fast": 3})
self.hp.clear()
self.hp = {"fast": 3}
self.position.qty = 1
self.position.exchange.assets.clear()
self.position.close(1)
self.position._mutating_add(1, 2)
self.broker.buy_at_market(1)
self.shared_vars["x"] = 1
self.routes[0].strategy.x = 1
self.vars = self.candles; self.vars[0] = 0
line += 1
line[-1] = 0
line[:] = 0
line *= 0
alias = self.candles; alias += 1
alias = self.candles; alias[0] = 0
alias = [self.candles]; alias[0] += 1
alias = [self.candles]; alias[0][0] = 1
alias, other = self.candles, 1; alias -= other
self.kept = self.candles; self.kept += 1
self.kept = self.candles; self.kept[0] = 1
self.count = self.candles; self.count += 1
self.count += self.candles
self.seen += [1]
self.seen = self.hp; self.seen.update({"fast": 1})
self.seen = self.trades; self.seen.append(1)
for self.count in self.candles: self.count += 1
for line in self.candles: line += 1
for row in self.candles: row[0] = 1
for self.candles[0] in range(3): pass
[self.candles for self.candles in (1, 2)]
[x for x in self.seen for self.candles[0] in (1,)]
{"a": 1 for self.kept[0] in range(3)}
np.add(line, 1, line)
np.add(line, 1, out=line)
np.add(line, 1, *(line,))
np.mean(self.candles, 0, None, line)
np.cumsum(line, **{"out": line})
np.abs(line, line)
np.copyto(line, 0)
np.put(line, 0, 1)
np.nan_to_num(line, copy=False)
np.seterr(all="ignore")
np.load("x.npy")
np.vectorize(print)(line)
np.apply_along_axis(np.copyto, 0, line)
np.lib.npyio.load("x")
np.core.numeric.nan
line.cumsum(0, None, line)
line.sum(out=line)
line.sort()
line.partition(1)
line.byteswap(True)
line.resize(3)
line.itemset(0, 1)
line.tofile("x")
line.__setitem__(0, 1)
line.__iadd__(1)
line.data
line.base
line.flat[0] = 1
getattr(self, "candles")[0] = 1
setattr(ta, "ema", None)
setattr(self, "candles", 1)
delattr(ta, "ema")
vars(ta)["ema"] = None
globals()["x"] = 1
locals()
eval("1")
exec("x = 1")
compile("1", "", "eval")
__import__("os")
open("state.txt", "a")
print(self)
input()
id(self)
hash("a")
next(iter([1]))
iter([1])
map(print, line)
filter(print, line)
max(line, key=print)
sorted(line, key=print)
min(*line)
isinstance(line, type)
object()
super().should_long()
super(Sneaking, self).liquidate()
super().__init__.__func__
import os
from os import environ
global count
del ta
del self.kept
assert line
raise ValueError
(x := 1)
[y := 1 for _ in line]
lambda: 1
f = lambda: self.candles
yield 1
await self
with open("x") as file: pass
try: pass\nexcept Exception: pass
def inner(): pass
class Inner: pass
async def inner(): pass
match line:\n    case _: pass
x = self
x = self, 1
self.other = self
x = ta
x = ta.ema
x = np.mean
x = Strategy
x = Sneaking
x = print
x = math.sqrt
x = self.liquidate
x = self.__dict__
x = self.__class__
x = ().__class__.__bases__[0].__subclasses__()
x = self.should_long.__globals__
x = self.should_long.__func__
x = self.orders[0].cancel
x = "{0.__class__}".format(self)
x = f"{self.position}"
x = f"{self.position!r}"
x = f"{1:{self.position}}"
x = str(self.position)
x = repr(self.position)
x = self.position is self.trade
x = {self.position}
x = {y for y in self.orders}
x = set(self.orders)
x = frozenset(self.orders)
x = self._cached_methods
x = self.log("a")
x = self.metrics
x = self.daily_balances
self._executed_orders = []
self.should_long = self.liquidate
self.position = None
self.exchange = "x"
self.index = 0
self.index += 1
self.liquidate = 1
self.__x = 1
self.buy.append(1)
self.buy += 1
self.vars["x"] += 1
self.vars["x"][0] = 1
self.get_candles(*self.seen)
self.liquidate(1)
self.seen.sort(key=print)
self.candles.append(1)
LIMIT = 1
LIMIT += 1
space["fast"] = 1
x = space
np = 1
ta = self; ta.candles[0] = 1
len = self.liquidate; len()
range = 1
self = ta; self.ema = 1
x = ta.ema; x(line)
[ta.ema][0](line)
(ta.ema if line else ta.sma)(line)
ta.os.environ
ta.np.mean
ta.sma.__wrapped__
utils.np.mean
utils.dd("x")
utils.jh.now()
math.__dict__
x = __name__
x = __builtins__
""".strip().splitlines()

#: What is written elsewhere: text that is replaced, and by what.
AROUND = {
    "a default that can change": ("extra=1", "extra=[]"),
    "a default that is computed": ("extra=1", "extra=print(1)"),
    "an annotation that acts": ("extra=1", "extra: print(1) = 1"),
    "an answer's annotation": ("extra=1)", "extra=1) -> ta.clear()"),
    "any arguments": ("extra=1", "*extra"),
    "any named arguments": ("extra=1", "**extra"),
    "no self": ("should_long(self, extra=1)", "should_long(me, self=1)"),
    "a list on the class": ("factor = 2", "factor = []"),
    "a dictionary on the class": ("factor = 2", "factor = {}"),
    "a call on the class": ("factor = 2", "factor = print(1)"),
    "a loop on the class": ("factor = 2", "for factor in range(3): pass"),
    "a class in the class": ("factor = 2", "class Inner: kept = []"),
    "an annotation on the class": ("factor = 2", "factor: print(1) = 2"),
    "a tuple that can change": ("factor = 2", "factor = (1, [])"),
    "slots": ("factor = 2", "__slots__ = ()"),
    "a hook of Python's": ("factor = 2", "def __init_subclass__(self): pass"),
    "attributes made up": ("factor = 2", "def __getattr__(self, name): return 1"),
    "a setter": ("factor = 2", "@property\n    def x(self): return 1\n    @x.setter\n    def x(self, value): pass"),
    "Jesse's own method": ("factor = 2", "def _execute(self): pass"),
    "Jesse's other method": ("factor = 2", "def candles_pipeline(self): pass"),
    "Jesse's switch": ("factor = 2", "ml_mode = 'deploy'"),
    "property shadowed": ("factor = 2", "def property(self): pass"),
    "the module shadowed": ("factor = 2", "ta = 2"),
    "a method twice": ("factor = 2", "def should_cancel_entry(self): return False"),
    "a decorator": ("    def go_long", "    @print\n    def go_long"),
    "a cache": ("    def go_long", "    @functools.lru_cache\n    def go_long"),
    "a class method": ("    def go_long", "    @classmethod\n    def go_long"),
    "a coroutine": ("def go_long", "async def go_long"),
    "a base of another make": ("(Strategy)", "(Strategy, list)"),
    "a computed base": ("(Strategy)", "(type(Strategy))"),
    "a metaclass": ("(Strategy)", "(Strategy, metaclass=print)"),
    "a decorated class": ("class Sneaking", "@print\nclass Sneaking"),
    "a second class": ("class Sneaking", "class Other: pass\nclass Sneaking"),
    "a function beside": ("class Sneaking", "def helped(): pass\nclass Sneaking"),
    "a call beside": ("LIMIT = 0.5", "LIMIT = print(1)"),
    "a computed constant": ("LIMIT = 0.5", "LIMIT = ta.ema"),
    "a list for a constant": ("LIMIT = 0.5", "LIMIT = [0.5]"),
    "another Strategy": ("LIMIT = 0.5", "Strategy = object"),
    "a patch beside": ("LIMIT = 0.5", "ta.ema = LIMIT = 0.5"),
    "a part of a constant": ("LIMIT = 0.5", "LIMIT = 0.5\nspace['slow'] = 3"),
    "a change of a constant": ("LIMIT = 0.5", "LIMIT = 0.5\nLIMIT += 1"),
    "a condition": ("LIMIT = 0.5", "if True: LIMIT = 0.5"),
    "a star": ("import math", "from math import *"),
    "a star of NumPy": ("import math", "from numpy import *"),
    "random": ("import math", "from numpy.random import rand as sqrt"),
    "a module of one's own": ("import math", "import my_helpers"),
    "a part of NumPy": ("import math", "import numpy.random as math"),
    "a relative import": ("import math", "from . import math"),
    "a builtin shadowed": ("import math", "from jesse import utils as len"),
    "indicators shadowed": ("import jesse.indicators as ta", "import os as ta"),
    "a name twice": ("import math", "import math\nimport jesse.utils as math"),
}
