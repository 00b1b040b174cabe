"""`jesse-nb`: the same tools without a browser."""

from jesse_nb.cli.commands import main

__all__ = ["main"]
