"""One simulation, apart from all others: what it leaves behind reaches none of them."""

from jesse_nb.core.jobs.isolation.child import CAN_FORK, Ended, run_in_child

__all__ = ["CAN_FORK", "Ended", "run_in_child"]
