"""A local HTTP server that speaks Binance's kline wire format, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np


@dataclass
class Fault:
    """One answer that is not the candles."""

    status: int = 200
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    wait: float = 0.0


@dataclass
class BinanceServer:
    """What it serves, and what it was asked."""

    candles: dict[str, np.ndarray] = field(default_factory=dict)
    faults: list[Fault | None] = field(default_factory=list)
    forever: Fault | None = None
    clock: Callable[[], float] = time.time
    asked: list[dict[str, int]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> tuple[Fault, bytes]:
        """Return status and body for a request."""
        parts = urlsplit(path)
        if parts.path.endswith("/exchangeInfo"):
            return Fault(), json.dumps({"symbols": [{"symbol": name} for name in self.candles]}).encode()
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == "/api/v3/klines"
        period = {name: int(query[name]) for name in ("startTime", "endTime", "limit") if name in query}
        self.asked.append(period)
        fault = self.forever or (self.faults.pop(0) if self.faults else None) or Fault()
        if query["symbol"] not in self.candles:
            return Fault(400), b'{"code":-1121,"msg":"Invalid symbol."}'
        rows = self.candles[query["symbol"]]
        if query["interval"] == "1d":
            rows = rows[np.unique(rows[:, 0] // 86_400_000, return_index=True)[1]] // [86_400_000, 1, 1, 1, 1, 1]
            rows = rows * [86_400_000, 1, 1, 1, 1, 1]
        else:
            assert query["interval"] == "1m"
        rows = rows[(rows[:, 0] >= period["startTime"]) & (rows[:, 0] <= period.get("endTime", np.inf))]
        body = json.dumps([kline(row) for row in rows[:period["limit"]]]) if fault.body is None else fault.body
        return fault, body.encode()[:-fault.cut or None]

    def pages(self) -> list[dict[str, int]]:
        """Return the requests for candles, without those for the listing."""
        return [period for period in self.asked if period["startTime"] > 0]


def kline(row: np.ndarray) -> list[Any]:
    """One candle as Binance writes it: texts, open high low close."""
    moment, opened, closed, high, low, volume = row
    return [int(moment), *(repr(float(value)) for value in (opened, high, low, closed, volume)),
            int(moment) + 59_999, "1.0", 7, "0.5", "0.5", "0"]


@contextmanager
def running() -> Iterator[BinanceServer]:
    """Serve until the end of the block."""
    state = BinanceServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            fault, body = state.answer(self.path)
            time.sleep(fault.wait)
            self.send_response(fault.status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)),
                                **fault.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(state.clock())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/api"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
