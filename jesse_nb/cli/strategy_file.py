"""A strategy from a Python file, with the parameter space beside it."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jesse_nb.core.jesse_runtime import jesse_module, strategy_class, unimported
from jesse_nb.core.simulator.strategies.standalone import free_names
from jesse_nb.core.simulator.strategies.strategy import StrategyCode, code_of_source
from jesse_nb.core.user_path import user_path
from jesse_nb.exceptions import StrategyError, did_you_mean, shown

__all__ = ["StrategyFile", "read_strategy_file"]


@dataclass(frozen=True)
class StrategyFile:
    """What a strategy file holds.

    Attributes
    ----------
    code
        The strategy, ready for any tool.
    names
        Everything that the file defines, by name: a ``space``, functions used as metrics.
    """

    code: StrategyCode
    names: dict[str, Any]


def read_strategy_file(path: str | Path, name: str = "") -> StrategyFile:
    """Run a Python file and return the strategy it defines.

    Modules beside the file can be imported by it, as when it is run as a script. ``Strategy``, ``ta`` and ``utils``
    need no import, as in a notebook's cell.

    Parameters
    ----------
    path
        The file.
    name
        Which class, when the file defines several strategies.

    Raises
    ------
    StrategyError
        When the file cannot be read or run, defines no strategy, or several and none is named.
    """
    file = user_path(path, "strategy").resolve()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StrategyError(f"Cannot read the strategy file {path}: {reason}.",
                            _neighbours(file) if isinstance(error, FileNotFoundError) else "") from error
    sys.path.insert(0, str(file.parent))
    module = _run(text, file)
    chosen = _choose(module, str(path), name)
    return StrategyFile(
        code_of_source(chosen, text, sys.path),
        dict(vars(module)),
    )


def _neighbours(file: Path) -> str:
    if not file.parent.is_dir():
        return "There is no such folder."
    return did_you_mean(file.name, (other.name for other in file.parent.glob("*.py")))


def _run(text: str, file: Path) -> types.ModuleType:
    # Loaded safely here first, the file's own `import jesse` finds it loaded.
    for part in ("jesse.strategies", "jesse.indicators", "jesse.utils"):
        jesse_module(part)
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    before = sys.modules.get(file.stem)
    sys.modules[file.stem] = module  # dataclasses look their module up
    try:
        code = compile(text, str(file), "exec")
        module.__dict__.update(unimported(free_names(text)))  # as in a notebook's cell
        exec(code, module.__dict__)  # noqa: S102 - the user's own file
    except SyntaxError as error:
        raise StrategyError(f"{file.name} has a syntax error in line {error.lineno}: {error.msg}.") from error
    except Exception as error:
        raise StrategyError(f"{file.name} raised {type(error).__name__} when it was run: "
                            f"{' '.join(str(error).split())}.", _line_of(error, file)) from error
    finally:
        if before is not None:
            sys.modules[file.stem] = before
    return module


def _line_of(error: BaseException, file: Path) -> str:
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"Look at line {line}." if line else ""


def _choose(module: types.ModuleType, path: str, name: str) -> str:
    own = {key: value for key, value in vars(module).items()
           if isinstance(value, type) and value.__module__ == module.__name__}
    found = {key: value for key, value in own.items() if issubclass(value, strategy_class())}
    if name:
        if name not in found:
            raise StrategyError(f"{path} defines no strategy called {shown(name)}.", did_you_mean(name, found))
        return name
    bases = {base for value in found.values() for base in value.__mro__[1:]}
    leaves = [key for key, value in found.items() if value not in bases]
    if not leaves:
        raise StrategyError(f"{path} defines no strategy.",
                            "It needs a class that inherits from jesse.strategies.Strategy.")
    if len(leaves) > 1:
        raise StrategyError(f"{path} defines {len(leaves)} strategies: {', '.join(leaves)}.",
                            f"Say which one: {path}:{leaves[0]}.")
    return leaves[0]
