"""The entry of the toy tool: what it takes, and where its function and report are."""

from __future__ import annotations

from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.shared import EXCHANGE_NAME, OUTPUT, SYMBOL
from jesse_nb.core.tools.declaration.tool import Form, Tool
from jesse_nb.core.tools.declaration.values import Whole

__all__ = ["COUNT_DAYS"]

COUNT_DAYS = Tool(
    "count_days", "Count days", "Count the days of stored candles.", "tests.toy.count_days:count_days",
    (
        SYMBOL, EXCHANGE_NAME,
        Parameter("least", Whole(1, 10_000, "days"), "How many there should be.", 30, group="what is counted"),
        *OUTPUT,
    ),
    results={"tests.toy.count_days:DayCount": "tests.toy.count_days:REPORT"},
    magics=("count_days",), command="count-days", running="Counting",
    form=Form("how long is a series", ("exchange", "symbol", "output"), "counted"),
    then={"backtest": {}},
    details="""\
        Nothing is simulated::

            %count_days -s BTC-USDT --least 60
        """,
)
