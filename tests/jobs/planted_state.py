"""Strategies that keep something beyond their run, or take something from outside of it: one source text each.

In each, ``chance()`` returns a fraction that depends on it; a strategy buys where that is small.
"""

from __future__ import annotations

_HEADER = """
import builtins, datetime, functools, math, os, random, resource, secrets, signal, sys, time, uuid
import numpy as np
import pandas as pd
from jesse.strategies import Strategy
import jesse.helpers as jh
import jesse.indicators as ta
from jesse import utils

def mixed(number):
    return int(number) * 2654435761 % 2**32 / 2**32
"""

_BODY = """
class Planted(Strategy):
    seen = 0
    def should_long(self):
        return ta.sma(self.candles, 8) > ta.sma(self.candles, 30) and self.chance() < 0.5
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price, fee_rate=self.fee_rate), self.price
    def update_position(self):
        if ta.sma(self.candles, 8) < ta.sma(self.candles, 30):
            self.liquidate()
    def should_cancel_entry(self):
        return True
"""


def planted(chance: str, before: str = "") -> str:
    """Return a strategy's source: ``chance`` are the statements of its method, ``before`` stands in the module."""
    body = "\n".join(f"        {line}" for line in chance.strip().splitlines())
    return f"{_HEADER}\n{before}\n{_BODY}    def chance(self):\n{body}\n"


def counted(owner: str) -> str:
    """Return statements that count in an attribute of something, and answer by the count."""
    return f"{owner}.jesse_nb_seen = getattr({owner}, 'jesse_nb_seen', 0) + 1\nreturn mixed({owner}.jesse_nb_seen)"


#: Equal in a fresh and in a used worker, and not marked: the state is gone with the run, or seeded.
CLEAN = {
    "a file in the working folder": planted("""
with open("state.txt", "a") as file:
    file.write("x")
return mixed(os.path.getsize("state.txt"))"""),
    "random": planted("return random.random()"),
    "random.Random()": planted("return random.Random().random()"),
    "random.seed()": planted("random.seed()\nreturn random.random()"),
    "random.SystemRandom": planted("return random.SystemRandom().random()"),
    "np.random": planted("return np.random.rand()"),
    "np.random.seed()": planted("np.random.seed()\nreturn np.random.rand()"),
    "np.random.RandomState()": planted("return np.random.RandomState().rand()"),
    "default_rng()": planted("return np.random.default_rng().random()"),
    "default_rng of the module": planted("return RNG.random()", "RNG = np.random.default_rng()"),
    "uuid4": planted("return uuid.uuid4().int / 2**128"),
    "os.urandom": planted("return os.urandom(1)[0] / 256"),
    "secrets": planted("return secrets.randbelow(1000) / 1000"),
    "builtins": planted(counted("builtins")),
    "the module math": planted(counted("math")),
    "an installed module": planted(counted("pd")),
    "Jesse's Strategy": planted(counted("Strategy")),
    "Jesse's helpers": planted(counted("jh")),
    "its own class": planted("Planted.seen += 1\nreturn mixed(Planted.seen)"),
    "its own module": planted("STATE.append(0)\nreturn mixed(len(STATE))", "STATE = []"),
    "sys.modules": planted("""
kept = sys.modules.setdefault("jesse_nb_kept", type(sys)("kept"))
kept.count = getattr(kept, "count", 0) + 1
return mixed(kept.count)"""),
    "a cache": planted("return draw(self.index)",
                       "COUNT = []\n@functools.lru_cache(None)\ndef draw(index):\n    COUNT.append(0)\n"
                       "    return mixed(len(COUNT))"),
    "warnings and np.seterr": planted("old = np.seterr(all='ignore')\n"
                                      "np.seterr(divide='raise' if old['divide'] == 'warn' else 'ignore')\n"
                                      "return mixed(len(old['divide']))"),
    "the working folder": planted("os.makedirs('below', exist_ok=True)\nos.chdir('below')\n"
                                  "return mixed(os.getcwd().count('below'))"),
    "umask": planted("return mixed(os.umask(0o27))"),
    "a signal handler": planted("old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
                                "return 0.9 if old == signal.SIG_IGN else 0.1"),
    "RLIMIT_NOFILE": planted("limit = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
                             "resource.setrlimit(resource.RLIMIT_NOFILE, (limit[0] - 1, limit[1]))\n"
                             "return mixed(limit[0])"),
    "the recursion limit": planted("sys.setrecursionlimit(sys.getrecursionlimit() + 1)\n"
                                   "return mixed(sys.getrecursionlimit())"),
    "a timer": planted("left = signal.setitimer(signal.ITIMER_REAL, 3600)[0]\nreturn 0.9 if left else 0.1"),
    "its user": planted("os.getuid() or os.setuid(65534)\nreturn mixed(self.index)"),
}

#: Marked, each with what the mark says: they may differ from run to run.
MARKED = {
    "time.time": (planted("return mixed(time.time() * 1e6)"), "reads the clock (line 27)"),
    "time.monotonic_ns": (planted("return mixed(time.monotonic_ns())"), "reads the clock (line 27)"),
    "perf_counter": (planted("from time import perf_counter\nreturn mixed(perf_counter() * 1e9)"),
                     "reads the clock (line 28)"),
    "strftime": (planted("return mixed(time.strftime('%S'))"), "reads the clock (line 27)"),
    "datetime.now": (planted("return mixed(datetime.datetime.now().microsecond)"), "reads the clock (line 27)"),
    "datetime.utcnow": (planted("return mixed(datetime.datetime.utcnow().microsecond)"), "reads the clock (line 27)"),
    "datetime.now of a zone": (planted("return mixed(datetime.datetime.now(datetime.timezone.utc).microsecond)"),
                               "reads the clock (line 27)"),
    "date.today": (planted("return mixed(datetime.date.today().toordinal())"), "reads the clock (line 27)"),
    "Timestamp.now": (planted("return mixed(pd.Timestamp.now().value)"), "reads the clock (line 27)"),
    "arrow": (planted("import arrow\nreturn mixed(arrow.utcnow().int_timestamp)"), "reads the clock (line 28)"),
    "jh.now": (planted("return mixed(jh.now(force_fresh=True))"), "reads the clock (line 27)"),
    "uuid1": (planted("return uuid.uuid1().int % 1000 / 1000"), "reads the clock (line 27)"),
    "the environment": (planted("os.environ['SEEN'] = os.environ.get('SEEN', '') + 'x'\n"
                                "return mixed(len(os.environ['SEEN']))"),
                        "reads the environment variable SEEN (line 27)"),
    "all of the environment": (planted("return mixed(len(dict(os.environ)))"), "reads the environment (line 27)"),
    "getenv": (planted("return mixed(len(os.getenv('HOME')))"), "reads the environment variable HOME (line 27)"),
    "the process": (planted("return mixed(os.getpid())"), "asks the machine for os.getpid() (line 27)"),
    "a thread": (planted("import threading\nthreading.Thread(target=print).start()\nreturn 0.1"),
                 "starts a thread (line 28)"),
    "a program": (planted("import subprocess\nreturn mixed(len(subprocess.check_output(['date'])))"),
                  "starts a process (line 28)"),
    "the network": (planted("import socket\nreturn mixed(len(socket.gethostname()))"), "uses the network (line 28)"),
    "/dev/urandom": (planted("return open('/dev/urandom', 'rb').read(1)[0] / 256"), "reads /dev/urandom (line 27)"),
    "a file elsewhere": (planted("with open('/tmp/jesse-nb-kept', 'a') as file:\n    file.write('x')\nreturn 0.1"),
                         "writes /tmp/jesse-nb-kept (line 27)"),
    "a folder elsewhere": (planted("return mixed(len(os.listdir('/tmp')))"), "lists the folder /tmp (line 27)"),
}

#: What a strategy may do to all others of its process.
PATCHES = {
    "jesse.utils": "utils.size_to_qty = lambda *arguments, **options: 0.001",
    "jesse.indicators": "ta.sma = lambda *arguments, **options: 1.0",
    "jesse.helpers": "jh.is_debugging = lambda: 1 / 0",
    "Jesse's Strategy": "Strategy.liquidate = lambda self: None",
    "numpy": "np.mean = np.abs = lambda *arguments, **options: 1.0",
    "builtins": "builtins.abs = builtins.round = lambda *arguments: 1",
    "the clock": "time.time = lambda: 0.0",
    "the environment": "os.environ.clear()",
    "the path": "sys.path.clear(); sys.meta_path.clear()",
    "the limit of files": "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "a timer": "signal.setitimer(signal.ITIMER_REAL, 0.6)",
    "its user": "os.setuid(65534)",
    "the working folder": "import shutil; shutil.rmtree(os.getcwd())",
    "open files": "os.closerange(0, 256)",
}
