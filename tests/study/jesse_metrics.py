"""Jesse's own metric functions on daily balances, in a process that knows nothing of jesse_nb.

Run as a script: a list of ``{"balances", "timestamps"}`` on standard input, a list of metrics on standard output.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # seconds to import, and never used
    import pandas as pd
    from jesse.services import metrics

    answers = []
    for task in json.load(sys.stdin):
        index = pd.to_datetime(task["timestamps"], unit="ms", utc=True)
        returns = pd.DataFrame(task["balances"], index=index).pct_change(1)
        answers.append(
            {
                "max_drawdown": metrics.max_drawdown(returns).iloc[0] * 100,
                "max_underwater_period": metrics.calculate_max_underwater_period(task["balances"], task["timestamps"]),
                "annual_return": metrics.cagr(returns).iloc[0] * 100,
                "sharpe_ratio": metrics.sharpe_ratio(returns).iloc[0],
                "calmar_ratio": metrics.calmar_ratio(returns).iloc[0],
                "sortino_ratio": metrics.sortino_ratio(returns).iloc[0],
                "smart_sharpe": metrics.sharpe_ratio(returns, smart=True).iloc[0],
                "smart_sortino": metrics.sortino_ratio(returns, smart=True).iloc[0],
                "omega_ratio": metrics.omega_ratio(returns).iloc[0],
                "serenity_index": metrics.serenity_index(returns.iloc[1:]).iloc[0],
            }
        )
        answers[-1] = {
            name: float(value.iloc[0] if hasattr(value, "iloc") else value) for name, value in answers[-1].items()
        }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
