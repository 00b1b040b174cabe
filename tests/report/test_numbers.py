import math

import numpy as np
import pytest

from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.report.common.labels import write
from jesse_nb.report.common.numbers import UNDEFINED, duration, measure, parameter, price, share, tick


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12.3456, "percent", "+12.35%"),
        (-12.3456, "percent", "-12.35%"),
        (359.04, "percent", "+359.0%"),
        (12345.6, "percent", "+12,346%"),
        (0, "percent", "0.00%"),
        (-0.00001, "percent", "-1.0e-05%"),
        (0.0841, "percent", "+0.084%"),
        (62.5, "share", "62.50%"),
        (0.5432, "fraction", "54.3%"),
        (1, "fraction", "100.0%"),
        (1.8432, "ratio", "1.84"),
        (-0.004, "ratio", "-0.004"),
        (227.66, "ratio", "227.7"),
        (13254.801, "currency", "13,254.80"),
        (1234567.8, "currency", "1,234,568"),
        (-0.001, "currency", "0.00"),
        (1234, "count", "1,234"),
        (365, "", "365"),
        (0.3312, "", "0.33"),
        (math.inf, "ratio", "∞"),
        (-math.inf, "percent", "-∞"),
    ],
)
def test_measure(value, unit, text):
    assert measure(value, unit) == text
    assert measure(np.float64(value), unit) == text


@pytest.mark.parametrize("unit", ["percent", "fraction", "ratio", "currency", "count", ""])
@pytest.mark.parametrize("value", [None, math.nan, np.nan])
def test_undefined_is_a_dash_in_every_unit(value, unit):
    assert measure(value, unit) == UNDEFINED


def test_no_number_is_longer_than_people_read():
    random = np.random.default_rng(0)
    for exponent in range(-9, 12):
        for value in random.uniform(-1, 1, 50) * 10.0**exponent:
            for unit in ("percent", "ratio", "currency"):
                text = measure(value, unit)
                digits = sum(character.isdigit() for character in text.split("e")[0])
                assert digits <= max(8, exponent + 3), (value, unit, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "50%"), (0.021, "2.1%"), (-0.0001, "0%"), (0, "0%"), (1.223, "122%"), (math.nan, UNDEFINED)],
)
def test_share(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14, "14"),
        (0.30000000000000004, "0.3"),
        (1e-05, "1e-05"),
        (True, "True"),
        (None, "None"),
        ("a b", "a b"),
        (2.0, "2"),
    ],
)
def test_parameter(value, text):
    assert parameter(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (30123.456, "30,123.5"),
        (0.00001234567, "0.0000123457"),
        (1.5, "1.5"),
        (0, "0"),
        (1000000, "1,000,000"),
        (math.nan, UNDEFINED),
    ],
)
def test_price(value, text):
    assert price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42, "0.4 s"),
        (42, "42 s"),
        (71.3, "1 min 11 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (30_000, "8 h 20 min"),
        (90_000, "1 d 1 h"),
        (172_800, "2 d"),
        (math.nan, UNDEFINED),
        (None, UNDEFINED),
    ],
)
def test_duration(value, text):
    assert duration(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (80.0, "percent", "+80%"),
        (0.0, "percent", "0%"),
        (-2.5, "ratio", "-2.5"),
        (0.25, "fraction", "25%"),
        (12_500.0, "currency", "12,500"),
    ],
)
def test_tick(value, unit, text):
    assert tick(value, unit) == text


def test_no_axis_mixes_exponents_and_digits():
    assert [tick(value) for value in (80_000.0, 99_999.0, 100_000.0, 120_000.0, -1_250_000.0, 12_345_678.0)] == [
        "80,000", "99,999", "100,000", "120,000", "-1,250,000", "12,345,678"]
    assert tick(120_000.0, "percent") == "+120,000%"


def test_shares_of_trades_have_no_sign():
    assert write("longs_percentage", 60.0) == "60.00%"
    assert tick(60.0, resolve_metric("shorts percentage").unit) == "60%"
    assert write("net_profit_percentage", 60.0) == "+60.00%"
