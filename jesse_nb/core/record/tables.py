"""Arrays and tables as plain parts and back: of each the bytes, the type, and what names its rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.exceptions import StorageError, shown

__all__ = ["READERS", "array_parts", "extension_parts", "frame_parts", "index_parts", "moment_parts", "path",
           "scalar_parts", "series_parts"]

#: Kinds of NumPy's numbers, moments and texts; objects are written one by one.
_PLAIN = "biufcmMSU"


def array_parts(array: NDArray[Any]) -> tuple[Any, ...]:
    """Return an array's tag, type, shape, order in memory and bytes; of objects, the list of them."""
    if array.dtype == object:
        return "objects", list(array.shape), list(array.ravel())
    if array.dtype.kind not in _PLAIN:
        raise StorageError(f"An array of {shown(str(array.dtype))} is no data that a record can keep.")
    # Sums of the same numbers differ in the last bit where these lie in another order.
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return "array", array.dtype.str, list(array.shape), order, array.tobytes(order)  # type: ignore[arg-type]


def scalar_parts(value: np.generic) -> tuple[Any, ...]:
    """Return the parts of one of NumPy's numbers."""
    return "scalar", np.asarray(value)


def moment_parts(moment: pd.Timestamp) -> tuple[Any, ...]:
    """Return the parts of a moment: its count since 1970, the unit of that, and the zone."""
    return "timestamp", moment.value, moment.unit, None if moment.tz is None else str(moment.tz)


def extension_parts(array: Any) -> tuple[Any, ...]:
    """Return the parts of one of pandas' own arrays."""
    if isinstance(array, pd.arrays.DatetimeArray):
        zone = None if array.tz is None else str(array.tz)
        return "moments", array.asi8, array.unit, zone  # type: ignore[attr-defined]  # pandas-stubs lack it
    if isinstance(array, pd.arrays.TimedeltaArray | pd.arrays.NumpyExtensionArray):
        return array_parts(array.to_numpy())
    if isinstance(array, pd.Categorical):
        return "categories", array.codes, array.categories, array.ordered
    raise StorageError(f"A column of {shown(str(array.dtype))} is no data that a record can keep.")


def index_parts(index: pd.Index) -> tuple[Any, ...]:
    """Return the parts of an index."""
    if isinstance(index, pd.RangeIndex):
        return "range", index.start, index.stop, index.step, index.name
    if isinstance(index, pd.MultiIndex):
        return "levels", list(index.levels), [np.asarray(codes) for codes in index.codes], list(index.names)
    often = getattr(index, "freqstr", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return "index", _column(index), often, index.name


def series_parts(series: pd.Series[Any]) -> tuple[Any, ...]:
    """Return the parts of a series."""
    return "series", _column(series), series.index, series.name


def frame_parts(frame: pd.DataFrame) -> tuple[Any, ...]:
    """Return the parts of a frame: one array where all columns are of one of NumPy's types, else one each."""
    kinds = set(frame.dtypes)
    whole = len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind in _PLAIN
    parts = frame.to_numpy() if whole else [_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return "frame", parts, frame.index, frame.columns


def path(text: str) -> Path:
    """Return a path as this system has them."""
    return Path(text)


def _column(values: Any) -> Any:
    """Return the array of a column or an index, NumPy's where there is one."""
    return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array


def _array(kind: str, shape: list[int], order: Any, content: bytes) -> NDArray[Any]:
    if np.dtype(kind).kind not in _PLAIN:
        raise StorageError("An array is of a kind that no record has.")
    return np.frombuffer(content, dtype=kind).reshape(shape, order=order).copy(order="K")


def _objects(shape: list[int], values: list[Any]) -> NDArray[Any]:
    made = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # all at once, lists among them would become more dimensions
        made[place] = value
    return made.reshape(shape)


def _moments(counts: NDArray[np.int64], unit: str, zone: str | None) -> Any:
    moments = pd.DatetimeIndex(counts.view(f"M8[{unit}]"))
    return (moments if zone is None else moments.tz_localize("UTC").tz_convert(zone)).array


def _timestamp(count: int, unit: Any, zone: str | None) -> pd.Timestamp:
    moment = pd.Timestamp(count, unit="ns", tz=zone)  # value is nanoseconds whatever the unit
    return moment.as_unit(unit)


def _timedelta(count: int, unit: Any) -> pd.Timedelta:
    return pd.Timedelta(count, unit="ns").as_unit(unit)


def _index(values: Any, often: str | None, name: Any) -> pd.Index[Any]:
    index: pd.Index[Any] = pd.Index(values, dtype=values.dtype, name=name, copy=False)
    if often is not None:
        index.freq = often  # type: ignore[attr-defined]  # only of moments and spans
    return index


def _frame(parts: Any, index: pd.Index, columns: pd.Index) -> pd.DataFrame:
    if isinstance(parts, np.ndarray):
        return pd.DataFrame(parts, index=index, columns=columns, copy=False)
    frame = pd.DataFrame(dict(enumerate(parts)), index=index)
    frame.columns = columns
    return frame


#: What makes a value of the parts behind a tag.
READERS: dict[str, Callable[..., Any]] = {
    "array": _array, "objects": _objects, "moments": _moments, "timestamp": _timestamp, "timedelta": _timedelta,
    "index": _index, "frame": _frame,
    "scalar": lambda array: array[()],
    "categories": lambda codes, categories, ordered: pd.Categorical.from_codes(codes, categories, ordered=ordered),
    "range": lambda start, stop, step, name: pd.RangeIndex(start, stop, step, name=name),
    "levels": lambda levels, codes, names: pd.MultiIndex(levels=levels, codes=codes, names=names,
                                                         verify_integrity=True),
    "series": lambda values, index, name: pd.Series(values, index=index, name=name, copy=False),
}
