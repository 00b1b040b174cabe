"""Imported by the server that workers are forked from, and by nothing else.

With Jesse imported once, a fresh worker is ready in milliseconds and shares the
server's memory.
"""

import atexit
import gc
import os
import signal

from jesse_nb.core.jobs.server import KERNEL_VARIABLE

_kernel = int(os.environ.pop(KERNEL_VARIABLE, os.getppid()))


def _end_without_kernel(*_: object) -> None:
    if os.getppid() != _kernel:
        os._exit(0)


# A user who interrupts a cell while Jesse is imported here means that cell; and who kills the kernel means all of it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
if hasattr(signal, "setitimer"):
    signal.signal(signal.SIGALRM, _end_without_kernel)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)

# Before NumPy is imported: simulations run side by side, so each keeps to one thread.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.pop("PYTEST_CURRENT_TEST", None)  # Jesse would remember for good that a test had started this server

from jesse_nb.core.jesse_runtime import jesse_module, remove_cache_folder  # noqa: E402
from jesse_nb.core.jobs import worker  # noqa: E402, F401

for _module in ("jesse.research.backtest", "jesse.strategies", "jesse.indicators", "jesse.utils", "jesse.exchanges"):
    jesse_module(_module)

# A collection marks every object that it looks at, and a page written to is shared no more: workers need not look at
# what was imported here.
gc.collect()
gc.freeze()


def _leave() -> None:
    """End with the kernel; to tear down all of Jesse's imports would take seconds."""
    remove_cache_folder()
    os._exit(0)


atexit.register(_leave)

if hasattr(signal, "setitimer"):  # from now on it is told by the end of a pipe
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
