"""A hash of all that a live strategy class would do.

A class from a notebook travels to the workers by value, with the functions and
values it refers to. So the hash covers exactly those: the bytecode of its
methods (what runs, whatever the cell's text says by now), its attributes, its
own base classes, the globals and closures they use, and the source of local
modules. Data files that a strategy reads are not covered.
"""

from __future__ import annotations

import copyreg
import dis
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

import cloudpickle

from jesse_nb.core.simulator.strategies.local_modules import (
    is_local_module,
    local_imports,
    normalized_source,
    source_digest,
)

__all__ = ["Fingerprint", "hash_class", "hash_source", "read_class", "read_source"]

_NOT_BEHAVIOUR = frozenset({
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__abstractmethods__", "_abc_impl",
    "__firstlineno__", "__static_attributes__", "__annotations__", "__slotnames__",
})


class Fingerprint(NamedTuple):
    """What a strategy does, and the local modules it does it with.

    Attributes
    ----------
    digest
        Of all of it, 32 hexadecimal digits.
    modules
        Digest of the source of each local module, by its name.
    """

    digest: str
    modules: dict[str, str]


def read_source(text: str, package: str = "", search: Sequence[str] = ()) -> Fingerprint:
    """Read a strategy's source text and the local modules it imports."""
    content = _Content()
    content.add("source", normalized_source(text))
    content.add_local_imports("module", text, package, search)
    return Fingerprint(content.digest(), content.modules)


def read_class(strategy: type) -> Fingerprint:
    """Read what a live class would do."""
    content = _Content()
    content.add_value(strategy)
    content.add_installed(strategy)
    return Fingerprint(content.digest(), content.modules)


def hash_source(text: str, package: str = "", search: Sequence[str] = ()) -> str:
    """Hash a strategy's source text and the local modules it imports (32 hexadecimal digits)."""
    return read_source(text, package, search).digest


def hash_class(strategy: type) -> str:
    """Hash a live class by what it would do (32 hexadecimal digits)."""
    return read_class(strategy).digest


class _Content:
    """Feeds objects into a hash, each only once, in an order that does not depend on the process."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # keeps ids unique while we work
        self.modules: dict[str, str] = {}

    def digest(self) -> str:
        return self._hash.hexdigest()

    def add(self, *parts: str | bytes) -> None:
        for part in parts:
            data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            self._hash.update(len(data).to_bytes(8, "little") + data)

    def add_local_imports(self, kind: str, text: str, package: str = "", search: Sequence[str] = ()) -> None:
        for name, source in sorted(local_imports(text, package, search).items()):
            self.add(kind, name, normalized_source(source))
            self.modules[name] = source_digest(source)

    def add_installed(self, strategy: type) -> None:
        """Add the source of installed modules that the strategy and its bases are from: it may be another version."""
        for base in strategy.__mro__:
            if base.__module__.partition(".")[0] in {*sys.stdlib_module_names, "jesse"} or not _is_importable(base):
                continue
            module = sys.modules[base.__module__]
            file = Path(getattr(module, "__file__", None) or "")
            if not is_local_module(module) and file.suffix == ".py" and file.is_file():
                self.add("installed", module.__name__, normalized_source(_text_of(file, file.stat().st_mtime_ns)))

    def add_value(self, value: Any) -> None:
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self.add(type(value).__name__, repr(value))
            return
        if id(value) in self._seen:
            self.add("seen", str(self._seen[id(value)]))
            return
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        self._add_object(value)

    def _add_object(self, value: Any) -> None:
        if isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, FunctionType):
            self._add_function(value)
        elif isinstance(value, CodeType):
            self._add_code(value)
        elif isinstance(value, ModuleType):
            self._add_module(value)
        elif isinstance(value, staticmethod | classmethod):
            self.add(type(value).__name__)
            self.add_value(value.__func__)
        elif isinstance(value, MethodType):
            self.add("method")
            self.add_value(value.__func__)
            self.add_value(value.__self__)
        elif isinstance(value, property):
            self.add("property")
            for part in (value.fget, value.fset, value.fdel):
                self.add_value(part)
        elif isinstance(value, BuiltinFunctionType):
            self.add("builtin", f"{value.__module__}.{value.__qualname__}")
            if not isinstance(value.__self__, ModuleType):
                self.add_value(value.__self__)
        elif isinstance(value, cached_property):
            self.add("cached property")
            self.add_value(value.func)
        elif isinstance(value, partial):
            self.add("partial")
            self.add_value((value.func, value.args, value.keywords))
        elif isinstance(value, MemberDescriptorType | GetSetDescriptorType):
            self.add("slot", value.__name__)
        elif hasattr(value, "__wrapped__") and callable(value) and _is_importable(type(value)):
            self.add("wrapper", type(value).__qualname__)
            self.add_value(value.__wrapped__)
        else:
            self._add_data(value)

    def _add_data(self, value: Any) -> None:
        if isinstance(value, Mapping) and type(value).__module__ in ("builtins", "types", "collections"):
            self.add("mapping", str(len(value)))
            for key, item in value.items():
                self.add_value(key)
                self.add_value(item)
        elif isinstance(value, Set) and type(value) in (set, frozenset):
            self.add("set", *sorted(_digest_of(item) for item in value))  # sets have no order of their own
        elif type(value) in (list, tuple):
            self.add(type(value).__name__, str(len(value)))
            for item in value:
                self.add_value(item)
        elif isinstance(value, Enum):
            self.add("enum", value.name)
            self.add_value(value.value)
            self.add_value(type(value))
        else:
            self._add_reduced(value)

    def _add_reduced(self, value: Any) -> None:
        """Add any other object by its parts: its pickle would have sets in an order of this process's own."""
        self.add("instance")
        self.add_value(type(value))
        try:
            reducer = copyreg.dispatch_table.get(type(value))
            reduced = reducer(value) if reducer else value.__reduce_ex__(4)
        except TypeError:  # what cloudpickle alone can pickle
            reduced = cloudpickle.dumps(value)
        for part in reduced if isinstance(reduced, tuple) else (reduced,):
            self.add_value(list(part) if isinstance(part, Iterator) else part)

    def _add_class(self, value: type) -> None:
        if _is_importable(value):
            self.add("class of", value.__qualname__)
            self._add_module(sys.modules[value.__module__])
            return
        self.add("class", value.__qualname__)
        if type(value) is not type:
            self.add_value(type(value))
        for base in value.__bases__:
            self.add_value(base)
        for name, attribute in sorted(vars(value).items()):
            if name not in _NOT_BEHAVIOUR:
                self.add("attribute", name)
                self.add_value(attribute)

    def _add_function(self, value: FunctionType) -> None:
        if _is_importable(value):
            self.add("function of", value.__qualname__)
            self._add_module(sys.modules[value.__module__])
            return
        self.add("function", value.__name__)
        self.add_value(value.__code__)
        self.add_value(value.__defaults__)
        self.add_value(value.__kwdefaults__)
        self.add_value({name: item for name, item in vars(value).items() if name != "__wrapped__"})
        for name in sorted(_global_names(value.__code__)):
            if name in value.__globals__:
                found = value.__globals__[name]
                self.add("global", name)
                self.add_value(found)
                if isinstance(found, ModuleType) and is_local_module(found):
                    for submodule in _used_submodules(found, value.__code__):
                        self.add_value(submodule)
        for cell in value.__closure__ or ():
            self.add("closure")
            try:
                self.add_value(cell.cell_contents)
            except ValueError:  # a cell that is not filled yet
                self.add("empty")

    def _add_code(self, code: CodeType) -> None:
        self.add("code", code.co_code, getattr(code, "co_exceptiontable", b""))
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self.add(str(len(names)), *names)
        self.add(*(str(count) for count in (code.co_flags, code.co_argcount, code.co_posonlyargcount,
                                            code.co_kwonlyargcount)))
        for constant in code.co_consts:
            self.add_value(constant)
        for statement in sorted(_imports_in(code)):
            self.add_local_imports("import", statement)

    def _add_module(self, module: ModuleType) -> None:
        """Add a module's file: the worker reads the module from there."""
        self.add("module", module.__name__)
        if is_local_module(module):
            self.add_local_imports("import", f"import {module.__name__}")


def _is_importable(value: Any) -> bool:
    """Tell whether a worker would import this class or function, and not receive it by value."""
    module = sys.modules.get(value.__module__ or "")
    if module is None or module.__name__ in ("__main__", "__mp_main__"):
        return False
    found: Any = module
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


@lru_cache(maxsize=64)
def _text_of(file: Path, changed: int) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _digest_of(value: Any) -> str:
    content = _Content()
    content.add_value(value)
    return content.digest()


@lru_cache(maxsize=1024)
def _global_names(code: CodeType) -> frozenset[str]:
    """Names that a function and the functions inside it read from their module."""
    names = {str(step.argval) for step in dis.get_instructions(code)
             if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return frozenset(names)


@lru_cache(maxsize=1024)
def _imports_in(code: CodeType) -> frozenset[str]:
    """Import statements inside a function; ``from package import module`` may name a submodule."""
    statements, package = set(), ""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            package = str(step.argval)
            statements.add(f"import {package}")
        elif step.opname == "IMPORT_FROM":
            statements.add(f"from {package} import {step.argval}")
    return frozenset(statements)


def _used_submodules(package: ModuleType, code: CodeType) -> list[ModuleType]:
    """Find the loaded modules that a function reaches through a package: ``package.module.function``."""
    names = _attribute_names(code)
    below = f"{package.__name__}."
    return [module for name, module in sorted(sys.modules.items())
            if name.startswith(below) and set(name[len(below):].split(".")) <= names]


def _attribute_names(code: CodeType) -> set[str]:
    inner = (_attribute_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)
