"""Indicators of Jesse that are worth remembering, and whose line is the same to the last bit, whatever comes after it.

Each was compared on Jesse 3.5.3 with what it gives for the beginnings of series, with settings drawn at random: the
tests do so again. Most indicators are not here: they take less time than it takes to see that the candles are known.
Nor are those that read ahead, that depend on the length of what they are given, or that round otherwise on longer
arrays.
"""

__all__ = ["CAUSAL", "CAUSAL_AVERAGES"]

#: Names in ``jesse.indicators``.
CAUSAL = frozenset({
    "aroon", "cksp", "correl", "devstop", "ichimoku_cloud_seq", "kdj", "kurtosis", "linearreg_slope", "mama",
    "mean_ad", "median_ad", "midpoint", "midprice", "natr", "rvi", "sinwma", "skew", "stc", "stddev", "tsi", "ui",
    "ultosc", "var", "vi", "vlma", "zscore",
})

#: The numbers of Jesse's moving averages (``matype``, ``devtype``) that are of that kind.
CAUSAL_AVERAGES = frozenset({0, 1, 2})
