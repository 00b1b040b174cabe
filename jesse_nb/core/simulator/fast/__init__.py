"""A quicker way through Jesse's simulator, with every number the same.

Jesse prepares each run anew: it copies and checks all candles, fills in the warm-up row by row, and puts higher
timeframes together again at every step. In an optimization all that is the same for each trial. Here it is done once
for a series in each worker, and Jesse's loops over time pass at once over stretches in which no order can be touched.
Whatever decides about money, from the orders inside a candle to the metrics, is still Jesse's own code.

Where a run is not of the kind this was proven for, Jesse's own path is taken: see :func:`fast_path`.
"""

from jesse_nb.core.simulator.fast.indicator_memory import indicator_memory
from jesse_nb.core.simulator.fast.path import PROVEN_ON, SimulationPath, fast_path, prepare_series

__all__ = ["PROVEN_ON", "SimulationPath", "fast_path", "indicator_memory", "prepare_series"]
