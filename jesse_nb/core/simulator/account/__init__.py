"""What a run's account was really worth, worked out beside Jesse's own books.

:mod:`.watch` notes each fill and each daily sample while Jesse simulates. Afterwards :mod:`.ledger` books the fills,
:mod:`.minutes` values them by the candles, :mod:`.ruin` looks for the minute in which the money was gone, and
:mod:`.audit` holds what came of it. Jesse's simulation is not touched.
"""

from jesse_nb.core.simulator.account.audit import EquityAudit, Ruin
from jesse_nb.core.simulator.account.watch import AccountWatch

__all__ = ["AccountWatch", "EquityAudit", "Ruin"]
