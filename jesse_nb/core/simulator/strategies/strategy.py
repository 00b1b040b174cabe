"""Strategies by class, by source text or by name in a Jesse project.

:func:`resolve_strategy` turns what a user names into :class:`StrategyCode`: who
it is (a :class:`~jesse_nb.core.simulator.spec.StrategyRef`) and what a worker
needs to build it. :func:`load_strategies` builds the classes afresh for every
run, so that nothing a run leaves on a class reaches the next one.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import linecache
import os
import sys
import types
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle

from jesse_nb.core.candles.project import is_project
from jesse_nb.core.jesse_runtime import strategy_class, unimported
from jesse_nb.core.simulator.spec import StrategyRef
from jesse_nb.core.simulator.strategies.jesse_habits import check_habits
from jesse_nb.core.simulator.strategies.local_modules import expect_sources, forget_local_modules, source_digest
from jesse_nb.core.simulator.strategies.plain import is_plain_class, why_not_plain
from jesse_nb.core.simulator.strategies.strategy_hash import read_class, read_source
from jesse_nb.core.simulator.strategies.strategy_registry import register_strategy, registered_strategy
from jesse_nb.exceptions import StrategyError, did_you_mean, shown

__all__ = ["StrategyCode", "class_text", "code_of_source", "load_strategies", "project_strategies", "read_strategy",
           "resolve_strategy"]

#: What a worker could import before any strategy asked for more.
_own_path = tuple(sys.path)


@dataclass(frozen=True)
class StrategyCode:
    """A strategy that can be built in another process.

    Attributes
    ----------
    ref
        Its name, kind and hash.
    pickled
        The class by value, for kind ``notebook``.
    project
        The Jesse project's folder, for kind ``project``.
    search
        ``sys.path`` of the process that resolved it, for its local imports.
    modules
        Digest of the source of each local module it imports: another source is refused.
    plain_class
        Whether a class of a notebook is proved plain: it is read when it is packed.
    """

    ref: StrategyRef
    pickled: bytes = b""
    project: str = ""
    search: tuple[str, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    plain_class: bool = False

    def __post_init__(self) -> None:
        # A notebook's own folder stands in sys.path as "", which is another folder in a worker.
        object.__setattr__(self, "search", tuple(os.path.abspath(entry) for entry in self.search))  # noqa: PTH100

    @property
    def is_plain(self) -> bool:
        """Whether a run is proved to leave nothing behind in its process, and to take nothing from outside.

        One of a project never is: its package may do anything.
        """
        if self.ref.kind == "notebook":
            return self.plain_class
        return self.ref.kind == "source" and not self.modules and not why_not_plain(self.ref.source)

    def load(self) -> type[Any]:
        """Build the class afresh, from what was resolved and the files on disk.

        Raises
        ------
        StrategyError
            When its code does not define the strategy.
        Exception
            Whatever the strategy's own top-level code raises.
        """
        return load_strategies([self])[self.ref.hash]

    def _build(self) -> type[Any]:
        if self.ref.kind == "notebook":
            loaded: type[Any] = cloudpickle.loads(self.pickled)
            return loaded
        if self.ref.kind == "project":
            module = importlib.import_module(f"strategies.{self.ref.name}")
        else:
            module = self._load_source_module()
        return _pick_class(module, self.ref.name)

    def _load_source_module(self) -> types.ModuleType:
        name = f"jesse_nb_strategy_{self.ref.hash[:8]}"
        file = f"<strategy {self.ref.name}>"
        module = types.ModuleType(name)
        sys.modules[name] = module  # dataclasses and pickling look it up by name
        linecache.cache[file] = (len(self.ref.source), None, self.ref.source.splitlines(keepends=True), file)
        code = _compiled(self.ref.source, file)
        module.__dict__.update(unimported(code.co_names + _names_within(code)))  # as in a notebook's cell
        exec(code, module.__dict__)  # noqa: S102 - the user's own strategy
        return module


def load_strategies(codes: Iterable[StrategyCode]) -> dict[str, type[Any]]:
    """Build the classes of one run, by hash, in a process that does nothing else meanwhile.

    Raises
    ------
    StrategyError
        When code does not define its strategy.
    Exception
        Whatever a strategy's own top-level code raises.
    """
    codes = tuple(codes)
    forget_local_modules()
    expect_sources({name: digest for code in codes for name, digest in code.modules})
    projects = [code.project for code in codes if code.project]
    sys.path[:] = dict.fromkeys([*projects, *(entry for code in codes for entry in code.search), *_own_path])
    # Otherwise cloudpickle returns the class it built before, with what a run left on it.
    cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.clear()
    return {code.ref.hash: _checked(code._build()) for code in codes}


def resolve_strategy(strategy: Any, project: str | Path | None = None) -> StrategyCode:
    """Find a strategy that the user gives, and describe it by content; from now on this process may run it.

    Parameters
    ----------
    strategy
        A class, source text that defines one, or the name of one in a Jesse project.
    project
        The Jesse project's folder; without it, the working directory when it is one.

    Raises
    ------
    StrategyError
        When it is none of these, or not a subclass of Jesse's ``Strategy``.
    """
    if isinstance(strategy, StrategyCode):
        if registered_strategy(strategy.ref.hash) is None:
            register_strategy(strategy.ref.hash, strategy, project)
        return strategy
    code = read_strategy(strategy, project)
    register_strategy(code.ref.hash, strategy, project)
    return code


def read_strategy(strategy: Any, project: str | Path | None = None) -> StrategyCode:
    """Describe a strategy as :func:`resolve_strategy` does, where nobody has given it yet: it is only looked at."""
    if isinstance(strategy, StrategyCode):
        return strategy
    if isinstance(strategy, type):
        return _from_class(strategy)
    if not isinstance(strategy, str):
        if isinstance(strategy, list | tuple):
            raise StrategyError(f"The strategy is a list of {len(strategy)}.",
                                "Give one; backtest_batch compares several, and routes trade several at once.")
        raise StrategyError(f"The strategy is {shown(strategy)}.",
                            "Give a class, its source text or its name in a project.")
    if "\n" in strategy or "class " in strategy:
        return _from_source(strategy)
    return _from_project(strategy, project)


def project_strategies(project: str | Path | None = None) -> list[str]:
    """Return the names of a Jesse project's strategies; empty outside a project."""
    root = Path(project or ".").expanduser()
    if not is_project(root):
        return []
    return sorted(file.parent.name for file in (root / "strategies").glob("*/__init__.py"))


def _from_class(strategy: type[Any]) -> StrategyCode:
    _checked(strategy)
    try:
        pickled = _pickled(strategy)
    except Exception as error:  # pickling runs code of whatever the class refers to
        raise StrategyError(f"The strategy {strategy.__name__} cannot be sent to a worker: {error}.",
                            "It refers to something that exists only here, such as an open file.") from error
    found = read_class(strategy)
    ref = StrategyRef(strategy.__name__, "notebook", found.digest, class_text(strategy))
    return StrategyCode(ref, pickled=pickled, search=tuple(sys.path), modules=tuple(found.modules.items()),
                        plain_class=is_plain_class(strategy, ref.source))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped
    """Also pickles what caches.

    Cached properties hold a lock before Python 3.12 and do not learn their name again; a function that
    ``functools.cache`` wrapped would be looked up by its name, in a notebook that no worker has.
    """

    dispatch_table: ClassVar[Any] = ChainMap(
        {cached_property: lambda value: (_cached_property, (value.func, value.attrname)),
         type(lru_cache(len)): lambda value: (_cached_function, (value.__wrapped__, value.cache_parameters()))},
        cloudpickle.Pickler.dispatch_table)


def _cached_property(function: Callable[[Any], Any], name: str) -> cached_property[Any]:
    made = cached_property(function)
    made.attrname = name
    return made


def _cached_function(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = lru_cache(**parameters)(function)
    return made


def _pickled(strategy: type[Any]) -> bytes:
    with io.BytesIO() as file:
        _Pickler(file).dump(strategy)
        return file.getvalue()


def _checked(strategy: type[Any]) -> type[Any]:
    if not issubclass(strategy, strategy_class()):
        raise StrategyError(f"The class {strategy.__name__} is not a strategy.",
                            "It must inherit from jesse.strategies.Strategy.")
    missing = [f"{name}()" for name in sorted(getattr(strategy, "__abstractmethods__", ()))]
    if missing:
        raise StrategyError(f"The strategy {strategy.__name__} lacks {', '.join(missing)}.",
                            "Jesse needs should_long() and go_long() at the least.")
    check_habits(strategy)
    return strategy


def _from_source(text: str) -> StrategyCode:
    return code_of_source(_strategy_name(text), text)


def code_of_source(name: str, text: str, search: Sequence[str] = ()) -> StrategyCode:
    """Return the code of a strategy by its name and its source text; ``search`` as of ``read_source``."""
    found = read_source(text, search=search)
    return StrategyCode(StrategyRef(name, "source", found.digest, text), search=tuple(sys.path),
                        modules=tuple(found.modules.items()))


def _from_project(name: str, project: str | Path | None) -> StrategyCode:
    known = project_strategies(project)
    where = str(Path(project or ".").expanduser().resolve())
    if not known:
        raise StrategyError(f"No strategy is called {shown(name)}: {where} is no Jesse project with strategies.",
                            "Give a class or source text, or set project to your Jesse project's folder.")
    if name not in known:
        raise StrategyError(f"No strategy in {where} is called {shown(name)}.", did_you_mean(name, known))
    text = (Path(where) / "strategies" / name / "__init__.py").read_text(encoding="utf-8", errors="replace")
    _parsed(text)
    module = f"strategies.{name}"
    found = read_source(text, module, (where,))
    return StrategyCode(StrategyRef(name, "project", found.digest, text), project=where, search=tuple(sys.path),
                        modules=((module, source_digest(text)), *found.modules.items()))


@lru_cache(maxsize=64)
def _strategy_name(text: str) -> str:
    """Find the one strategy that a source text defines: a class that inherits, and none inherits from it.

    Where classes visibly descend from ``Strategy``, others are its helpers: enumerations, data classes.
    """
    parents = {node.name: [_last_name(base) for base in node.bases]
               for node in _parsed(text).body if isinstance(node, ast.ClassDef)}
    inherited = {base for bases in parents.values() for base in bases}
    candidates = [name for name, bases in parents.items() if bases and name not in inherited]
    candidates = [name for name in candidates if _descends(name, parents)] or candidates
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise StrategyError("The source text defines no strategy.",
                            "It needs a class that inherits from Strategy.")
    raise StrategyError(f"The source text defines {len(candidates)} strategies: {', '.join(candidates)}.",
                        "Keep one.")


def _parsed(text: str) -> ast.Module:
    try:
        _compiled(text, "<strategy>")  # finds more than parsing does: a return outside a function
        return ast.parse(text)
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise StrategyError(f"The strategy has a syntax error in line {error.lineno}: {error.msg}"
                            + (f", at `{line}`." if line else ".")) from error
    except ValueError as error:  # null bytes, before Python 3.12
        raise StrategyError(f"The strategy is not Python source: {error}.") from error


def _compiled(text: str, file: str) -> types.CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without dont_inherit, this module's own `annotations` import would apply to the strategy.
        return compile(text, file, "exec", dont_inherit=True)


def _names_within(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that classes and functions of a module look up outside of themselves."""
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return tuple(name for part in inner for name in part.co_names + _names_within(part))


def _descends(name: str, parents: dict[str, list[str]]) -> bool:
    waiting, seen = [name], set()
    while waiting:
        current = waiting.pop()
        if current == "Strategy":
            return True
        if current not in seen:
            seen.add(current)
            waiting += parents.get(current, [])
    return False


def _last_name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def _pick_class(module: types.ModuleType, name: str) -> type[Any]:
    chosen = getattr(module, name, None)
    if isinstance(chosen, type):
        return chosen
    own = [value for value in vars(module).values() if isinstance(value, type)
           and issubclass(value, strategy_class()) and value.__module__ == module.__name__]
    if len(own) == 1:
        return own[0]
    raise StrategyError(f"The code of the strategy {name} defines no class called {name}.")


def class_text(strategy: type[Any]) -> str:
    """Return the class's text for the record, or nothing when it cannot be found.

    ``inspect.getsource`` cannot find classes of a notebook, but their methods know their cell.
    """
    try:
        return inspect.getsource(strategy)
    except (OSError, TypeError, SyntaxError):  # the last of a script with magics in it, which Python cannot parse
        pass
    for member in vars(strategy).values():
        code = getattr(member, "__code__", None)
        if code is None:
            continue
        text = "".join(linecache.getlines(code.co_filename))
        found = _class_around(text, strategy.__name__, code.co_firstlineno)
        if found is not None:
            return found
    return ""


@lru_cache(maxsize=64)
def _class_around(text: str, name: str, line: int) -> str | None:
    """Return the text of the class that has a line; nothing when the text is no Python, None when no class has it."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and node.lineno <= line <= (node.end_lineno or 0):
            return "\n".join(text.split("\n")[node.lineno - 1 : node.end_lineno]) + "\n"  # as the parser counts them
    return None
