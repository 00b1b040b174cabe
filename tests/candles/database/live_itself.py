"""Jesse itself keeping and exporting live trades, with its own models; run within a project's folder.

``python live_itself.py SESSIONS.json`` stores sessions and their trades with Jesse's models, reads each trade back as
Jesse's dashboard does, exports the first session's with Jesse's own function, and prints what Jesse says of all trades
and where the files are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # seconds to import, and never used
    from jesse.models.ClosedTrade import ClosedTrade
    from jesse.models.LiveSession import LiveSession
    from jesse.models.Order import Order
    from jesse.repositories import closed_trade_repository
    from jesse.services.file import store_logs
    from jesse.store import store

    for model in (ClosedTrade, Order, LiveSession):
        model.create_table(safe=True)
    said, files = {}, None
    for session in json.loads(Path(sys.argv[1]).read_text()):
        LiveSession.insert(**session["session"]).execute()
        for trade in session["trades"]:
            orders = trade.pop("orders")
            ClosedTrade.insert(**trade).execute()
            for order in orders:
                Order.insert(**order).execute()
        found = [trade for trade in closed_trade_repository.find_by_session_id(session["session"]["id"])
                 if trade.closed_at is not None and trade.soft_deleted_at is None]
        for trade in found:
            said[str(trade.id)] = {**trade.to_dict, "id": str(trade.id)}
        if files is None:
            for trade in found:
                trade.id = str(trade.id)  # as the live plugin has it
            store.app.session_id = "exported"
            store.closed_trades.trades = found
            files = store_logs(export_json=True, export_csv=True)
    print("ANSWERS" + json.dumps({"trades": said, "files": files}))


if __name__ == "__main__":
    main()
