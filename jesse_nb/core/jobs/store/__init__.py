"""The run store: finished simulations, and where they are kept."""

from jesse_nb.core.jobs.store.looks import Opening
from jesse_nb.core.jobs.store.run_store import RunStore, StoredRun, default_store, is_there

__all__ = ["Opening", "RunStore", "StoredRun", "default_store", "is_there"]
