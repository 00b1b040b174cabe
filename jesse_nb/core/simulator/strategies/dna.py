"""Hyperparameters as Jesse's optimizer hands them out: one text, the DNA.

Today's DNA is base64 JSON; that of older versions has one character a
hyperparameter and can only be read with the strategy's declaration at hand.
Both are decoded by Jesse's own function.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.exceptions import InputError, shown

__all__ = ["decode_base64_dna", "decode_legacy_dna", "encode_dna", "is_legacy_dna"]

#: The genes of old DNA: the characters from 40 to 119, one a hyperparameter.
_GENES = frozenset(map(chr, range(40, 120)))
_TYPES = {"int": int, "float": float}


def encode_dna(values: Mapping[str, Any]) -> str:
    """Return values as today's DNA, as Jesse's optimizer writes it.

    Parameters
    ----------
    values
        Of *all* hyperparameters: Jesse takes what a DNA spells out in place of all defaults.

    Raises
    ------
    InputError
        When Jesse would not read the same values out of it.

    Examples
    --------
    >>> encode_dna({"slow": 50, "fast": 12})
    'eyJmYXN0IjogMTIsICJzbG93IjogNTB9'
    """
    dna = base64.b64encode(json.dumps(dict(values), sort_keys=True).encode()).decode()
    if not values or repr(decode_base64_dna(dna) or {}) != repr(dict(sorted(values.items()))):
        raise InputError(f"The values {shown(dict(values))} cannot be written as DNA.",
                         "It knows numbers, texts, True, False and None, at least one.")
    return dna


def decode_base64_dna(dna: str) -> dict[str, Any] | None:
    """Return the values that a DNA spells out, or None when it is no base64 JSON."""
    decoded = jesse_module("jesse.helpers").dna_to_hp((), dna)
    # Jesse takes old DNA that happens to be base64 of a number or a text for that number or text.
    return decoded if isinstance(decoded, dict) and decoded else None


def is_legacy_dna(dna: str) -> bool:
    """Tell whether a text can be DNA of one character a hyperparameter."""
    return bool(dna) and set(dna) <= _GENES


def decode_legacy_dna(dna: str, declared: Sequence[Mapping[str, Any]], strategy: str) -> dict[str, Any]:
    """Return the values that old DNA means to a strategy.

    Parameters
    ----------
    dna
        One character a hyperparameter.
    declared
        The strategy's ``hyperparameters()``; types as classes or by name.
    strategy
        Its name, for errors.

    Raises
    ------
    InputError
        When the DNA was made for other hyperparameters.
    """
    if len(dna) != len(declared):
        raise InputError(f"The DNA {shown(dna)} has {len(dna)} genes, but {strategy} declares {len(declared)} "
                         "hyperparameters.", "It belongs to another strategy or to another version of it.")
    helpers = jesse_module("jesse.helpers")
    values: dict[str, Any] = {}
    for gene, parameter in zip(dna, declared, strict=True):
        name = parameter["type"] if isinstance(parameter["type"], str) else parameter["type"].__name__
        if name not in _TYPES:
            raise InputError(f"The DNA {dna!r} cannot give {strategy} its {parameter['name']!r}, which is {name}.",
                             "DNA of one character a hyperparameter knows whole and decimal numbers only.")
        # Gene by gene: Jesse would read a whole one that happens to be base64 of JSON as that.
        values |= helpers.dna_to_hp([{**parameter, "type": _TYPES[name]}], gene)
    return values
