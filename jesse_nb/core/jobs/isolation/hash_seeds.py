"""Hash seeds under which sets come in another order than in the pool's processes.

A set of two names has the same order under every second seed, so that one other interpreter alone may show nothing.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable

__all__ = ["hash_seeds"]

#: The pool's own, and those that are tried for another order.
_POOLS, _TRIED = "0", tuple(str(seed) for seed in range(1, 17))
_MOST = 3
_ORDERS = "import json, sys; print(json.dumps([list(set(texts)) for texts in json.loads(sys.argv[1])]))"


def hash_seeds(sources: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return seeds for other interpreters: one, or up to three where a strategy makes sets.

    Parameters
    ----------
    sources
        Source text of the strategies. Of each set of texts that is written out there, one of the seeds gives another
        order than the pool's where three seeds can do so.
    names
        Further texts that may be in a set, as the symbols that are traded.

    Returns
    -------
    tuple of str
        Values for ``PYTHONHASHSEED``.

    Examples
    --------
    >>> hash_seeds(["x = 1"], ["BTC-USDT"])
    ('1',)
    >>> len(hash_seeds(["x = set(self.vars)"], ["BTC-USDT"]))
    3
    """
    groups: list[list[str]] = []
    makes_others = False
    for source in sources:
        for made in _sets(source):
            makes_others |= made is None
            groups += [made] if made else []
    if not groups and not makes_others:
        return _TRIED[:1]
    known = sorted(set(names))
    groups += [known] if len(known) > 1 else []
    pools = _orders(_POOLS, groups)
    other = {seed: {place for place, order in enumerate(_orders(seed, groups)) if order != pools[place]}
             for seed in _TRIED}
    chosen: list[str] = []
    shown: set[int] = set()
    while len(chosen) < _MOST and (makes_others or not chosen or len(shown) < len(groups)):
        chosen.append(max((seed for seed in _TRIED if seed not in chosen), key=lambda seed: len(other[seed] - shown)))
        shown |= other[chosen[-1]]
    return tuple(chosen)


def _sets(source: str) -> list[list[str] | None]:
    """Return the texts of each set that is written out, and None for each that is made otherwise."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found: list[list[str] | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.SetComp):
            found.append(None)
        elif isinstance(node, ast.Set):
            found.append(_texts(node.elts))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset"):
            elements = getattr(node.args[0], "elts", None) if node.args else []
            found.append(None if elements is None else _texts(elements))
    return found


def _texts(elements: list[ast.expr]) -> list[str] | None:
    texts = [part.value for part in elements if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return texts if len(texts) == len(elements) else None


def _orders(seed: str, groups: list[list[str]]) -> list[list[str]]:
    answer = subprocess.run(  # noqa: S603 - our own interpreter and our own words
        [sys.executable, "-S", "-s", "-B", "-c", _ORDERS, json.dumps(groups)], capture_output=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": seed})
    orders: list[list[str]] = json.loads(answer.stdout)
    return orders
