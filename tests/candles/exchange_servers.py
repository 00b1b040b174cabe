"""The candle requests of the exchanges whose drivers Jesse has, answered here in their documented wire formats.

`served` sends every request of the `requests` library to these functions, so the drivers keep their own addresses,
and a request that no exchange documents fails the test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import requests

Rows = np.ndarray
#: What an exchange answers: a path, a query (or a posted JSON) and all of the market's candles.
Answer = Callable[[str, dict[str, Any], Rows], Any]

MINUTE = 60_000


def bars(rows: Rows, minutes: int) -> Rows:
    """Candles of so many minutes, as an exchange has them: only those with trades."""
    if minutes == 1:
        return rows
    opens = rows[:, 0] // (minutes * MINUTE) * minutes * MINUTE
    groups = [rows[opens == moment] for moment in np.unique(opens)]
    return np.array([[group[0, 0] // (minutes * MINUTE) * minutes * MINUTE, group[0, 1], group[-1, 2],
                      group[:, 3].max(), group[:, 4].min(), group[:, 5].sum()] for group in groups])


def between(rows: Rows, start: float, end: float = np.inf) -> Rows:
    """Those with start <= time <= end, milliseconds."""
    return rows[(rows[:, 0] >= float(start)) & (rows[:, 0] <= float(end))]


def texts(row: Rows) -> list[str]:
    """Open, close, high, low and volume of one row, exactly."""
    return [repr(float(value)) for value in row[1:]]


def binance(path: str, query: dict[str, Any], rows: Rows) -> Any:
    if path.endswith("/exchangeInfo"):
        return {"symbols": [{"symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING"}]}
    assert path.endswith("/klines")
    assert query["symbol"] == "BTCUSDT"
    found = between(bars(rows, {"1m": 1, "1d": 1_440}[query["interval"]]), query["startTime"],
                    query.get("endTime", np.inf))
    return [[int(row[0]), o, h, lo, c, v, int(row[0]) + 59_999, "1", 2, "1", "1", "0"]
            for row in found[: int(query["limit"])] for o, c, h, lo, v in [texts(row)]]


def bybit(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://bybit-exchange.github.io/docs/v5/market/kline: newest first, texts."""
    if path == "/v5/market/instruments-info":
        return {"retCode": 0, "retMsg": "OK", "result": {"list": [{"symbol": "BTCUSDT"}, {"symbol": "BTCPERP"}]}}
    assert path == "/v5/market/kline"
    assert query["category"] in ("spot", "linear")
    found = between(bars(rows, int(query["interval"])), query["start"])[: int(query["limit"])][::-1]
    listed = [[str(int(row[0])), o, h, lo, c, v, "1"] for row in found for o, c, h, lo, v in [texts(row)]]
    return {"retCode": 0, "retMsg": "OK", "result": {"symbol": query["symbol"], "list": listed}, "time": 0}


def bitfinex(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://docs.bitfinex.com/reference/rest-public-candles: numbers; time, open, close, high, low, volume."""
    if path == "/v2/conf/pub:list:pair:exchange":
        return [["BTCUSD", "TESTBTC:TESTUSD"]]
    assert path == "/v2/candles/trade:1m:tBTCUSD/hist"
    assert query["sort"] == "1"
    found = between(rows, query.get("start", 0), query.get("end", np.inf))[: int(query["limit"])]
    return [[int(row[0]), *map(float, row[1:])] for row in found]


def coinbase(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://docs.cdp.coinbase.com, Get Public Product Candles: newest first, seconds as text, at most 350."""
    if path == "/api/v3/brokerage/market/products":
        return {"products": [{"product_id": "BTC-USDT", "alias_to": []}]}
    assert path == "/api/v3/brokerage/market/products/BTC-USDT/candles"
    assert query["granularity"] == "ONE_MINUTE"
    found = between(rows, int(query["start"]) * 1000, int(query["end"]) * 1000)
    assert len(found) <= 350
    return {"candles": [{"start": str(int(row[0]) // 1000), "low": lo, "high": h, "open": o, "close": c, "volume": v}
                        for row in found[::-1] for o, c, h, lo, v in [texts(row)]]}


def gate_spot(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://www.gate.io/docs/developers/apiv4, listCandlesticks: volume in quote currency comes second."""
    if path.endswith("/currency_pairs"):
        return [{"id": "BTC_USDT"}]
    assert path == "/api/v4/spot/candlesticks"
    if "currency_pair" not in query:
        return 400, {"label": "MISSING_REQUIRED_PARAM", "message": "Missing required parameter: currency_pair"}
    minutes = {"1m": 1, "1d": 1_440}[query["interval"]]
    found = between(bars(rows, minutes), int(query["from"]) * 1000, int(query["to"]) * 1000)
    assert (int(query["to"]) - int(query["from"])) // (60 * minutes) < 1_000
    return [[str(int(row[0]) // 1000), v, c, h, lo, o, "7", "true"] for row in found for o, c, h, lo, v in [texts(row)]]


def gate_futures(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://www.gate.io/docs/developers/apiv4, listFuturesCandlesticks: at most 2,000, volume in contracts."""
    if path.endswith("/usdt/contracts"):
        return [{"name": "BTC_USDT"}]
    assert path == "/api/v4/futures/usdt/candlesticks"
    if "limit" in query and "from" in query:
        return 400, {"label": "INVALID_PARAM_VALUE", "message": "limit conflicts with from and to"}
    minutes = {"1m": 1, "1d": 1_440}[query["interval"]]
    found = between(bars(rows, minutes), int(query["from"]) * 1000, int(query["to"]) * 1000)
    return [{"t": int(row[0]) // 1000, "v": float(v), "c": c, "h": h, "l": lo, "o": o, "sum": "1"}
            for row in found for o, c, h, lo, v in [texts(row)]]


def hyperliquid(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://hyperliquid.gitbook.io, candle snapshot: posted, the newest 5,000 at most."""
    assert path == "/info"
    if query["type"] == "allPerpMetas":
        return [{"universe": [{"name": "BTC"}]}]
    asked = query["req"]
    assert (query["type"], asked["coin"]) == ("candleSnapshot", "BTC")
    minutes = {"1m": 1, "1h": 60, "1d": 1_440}[asked["interval"]]
    found = between(bars(rows, minutes)[-5_000:], asked["startTime"], asked.get("endTime", np.inf))
    return [{"t": int(row[0]), "T": int(row[0]) + MINUTE * minutes - 1, "s": "BTC", "i": asked["interval"], "o": o,
             "c": c, "h": h, "l": lo, "v": v, "n": 3} for row in found for o, c, h, lo, v in [texts(row)]]


def lighter(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://apidocs.lighter.xyz/reference/candles: at most 500."""
    if path == "/api/v1/orderBookDetails":
        return {"code": 200, "order_book_details": [{"symbol": "BTC", "market_id": 1}]}
    assert path == "/api/v1/candles"
    assert (query["market_id"], query["resolution"]) == ("1", "1m")
    found = between(rows, query["start_timestamp"], query["end_timestamp"])[: min(500, int(query["count_back"]))]
    return {"code": 200, "r": "1m", "c": [{"t": int(row[0]), **dict(zip("ochlv", map(float, row[1:]), strict=True))}
                                          for row in found]}


def kucoin_spot(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://www.kucoin.com/docs, Get Klines: seconds, newest first, close before high, at most 1,500."""
    if path == "/api/v2/symbols":
        return {"code": "200000", "data": [{"symbol": "BTC-USDT", "enableTrading": True}]}
    assert path == "/api/v1/market/candles"
    minutes = {"1min": 1, "1week": 10_080}[query["type"]]
    found = between(bars(rows, minutes), int(query["startAt"]) * 1000, int(query["endAt"]) * 1000 - 1)[-1_500:][::-1]
    return {"code": "200000", "data": [[str(int(row[0]) // 1000), *texts(row), "1"] for row in found]}


def kucoin_futures(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://www.kucoin.com/docs, Get Klines (futures): milliseconds, oldest first, high before close, at most 200."""
    if path == "/api/v1/contracts/active":
        return {"code": "200000", "data": [{"symbol": "XBTUSDTM"}]}
    assert path == "/api/v1/kline/query"
    assert query["symbol"] == "XBTUSDTM"
    found = between(bars(rows, int(query["granularity"])), query["from"], query["to"])[:200]
    return {"code": "200000", "data": [[int(row[0]), *(float(row[column]) for column in (1, 3, 4, 2, 5))]
                                       for row in found]}


def kraken_spot(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://docs.kraken.com, Get OHLC Data: those after `since`, of the newest 720; the last one is still open."""
    if path == "/0/public/AssetPairs":
        return {"error": [], "result": {"XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD"}}}
    assert path == "/0/public/OHLC"
    assert (query["pair"], query["interval"]) == ("XBTUSD", "1")
    found = rows[-720:]
    found = found[found[:, 0] > int(query.get("since", 0)) * 1000]
    found = np.vstack([found, rows[-1:]]) if len(found) == 0 else found
    return {"error": [], "result": {"last": 0, "XXBTZUSD": [[int(row[0]) // 1000, o, h, lo, c, "1", v, 5]
                                                            for row in found for o, c, h, lo, v in [texts(row)]]}}


def kraken_futures(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://docs.kraken.com, Market Candles: milliseconds, texts, at most 2,000."""
    if path == "/derivatives/api/v3/instruments":
        return {"instruments": [{"symbol": "PF_XBTUSD", "tradeable": True}]}
    if path.startswith("/api/charts/v1/trade/PF_XBTUSDT/"):
        return 404, {"message": "Not Found"}
    minutes = {"/api/charts/v1/trade/PF_XBTUSD/1m": 1, "/api/charts/v1/trade/PF_XBTUSD/1d": 1_440}[path]
    found = between(bars(rows, minutes), int(query["from"]) * 1000, int(query["to"]) * 1000)[:2_000]
    return {"candles": [{"time": int(row[0]), "open": o, "high": h, "low": lo, "close": c, "volume": v}
                        for row in found for o, c, h, lo, v in [texts(row)]], "more_candles": False}


def apex(path: str, query: dict[str, Any], rows: Rows) -> Any:
    """https://api-docs.pro.apex.exchange, Get Candlestick Chart Data: seconds asked, milliseconds answered."""
    if path.endswith("/symbols"):
        return {"data": {"contractConfig": {"perpetualContract": [{"symbol": "BTC-USDT"}]}}}
    assert path.endswith("/klines")
    minutes = {"M": 43_200, "W": 10_080, "D": 1_440}.get(query["interval"]) or int(query["interval"])
    found = between(bars(rows, minutes), int(query["start"]) * 1000, float(query.get("end", np.inf)) * 1000)
    found = found[-200:] if "end" in query else found[:200]
    return {"data": {query["symbol"]: [{"t": int(row[0]), "o": o, "c": c, "h": h, "l": lo, "v": v, "tr": "1"}
                                       for row in found for o, c, h, lo, v in [texts(row)]]} if len(found) else {}}


HOSTS: dict[str, Answer] = {
    "api.binance.com": binance, "api.binance.us": binance, "fapi.binance.com": binance,
    "testnet.binancefuture.com": binance, "api.bybit.com": bybit, "api-testnet.bybit.com": bybit,
    "api-pub.bitfinex.com": bitfinex, "api.coinbase.com": coinbase, "api.gateio.ws": gate_spot,
    "fx-api.gateio.ws": gate_futures, "api.hyperliquid.xyz": hyperliquid, "api.hyperliquid-testnet.xyz": hyperliquid,
    "mainnet.zklighter.elliot.ai": lighter, "testnet.zklighter.elliot.ai": lighter, "api.kucoin.com": kucoin_spot,
    "api-futures.kucoin.com": kucoin_futures, "api.kraken.com": kraken_spot, "futures.kraken.com": kraken_futures,
    "demo-futures.kraken.com": kraken_futures, "omni.apex.exchange": apex, "testnet.omni.apex.exchange": apex,
}


@contextmanager
def served(rows: Rows) -> Iterator[list[str]]:
    """Answer all requests from these candles until the end of the block; what was asked is in the list."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host = self.headers["X-Asked"]
            parts = urlsplit(self.path)
            query: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if self.command == "POST":
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(f"{host}{self.path}")
            try:
                found = HOSTS["fx-api.gateio.ws" if "/futures" in parts.path and "gate" in host else host](
                    parts.path, query, rows)
                status, answer = found if isinstance(found, tuple) else (200, found)
            except (AssertionError, KeyError, ValueError) as error:
                status, answer = 501, {"not documented": f"{self.path} {query} {error!r}"}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    send = requests.Session.request

    def redirected(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        parts = urlsplit(url)
        options["headers"] = {**(options.get("headers") or {}), "X-Asked": parts.netloc}
        local = parts._replace(scheme="http", netloc=f"127.0.0.1:{server.server_port}").geturl()
        return send(session, method, local, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "request", redirected)
        try:
            yield asked
        finally:
            server.shutdown()
            server.server_close()
