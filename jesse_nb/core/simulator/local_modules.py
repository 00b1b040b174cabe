"""Which modules are the user's own, and what their source says.

A strategy's result depends on every local module it imports, so their source
is part of its hash, and a worker must forget them between runs. Installed
packages are not local: their versions stand in the result card instead.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__all__ = ["forget_local_modules", "is_local_module", "local_imports", "normalized_source"]

#: Never the user's own, even when installed in editable form from a checkout.
_OURS = ("jesse", "jesse_nb")


def is_local_module(module: ModuleType) -> bool:
    """Tell whether a module is a file of the user's, not an installed package."""
    file = getattr(module, "__file__", None)
    return bool(file) and module.__name__.partition(".")[0] not in _OURS and _is_local_file(str(file))


def forget_local_modules() -> None:
    """Drop the user's modules from ``sys.modules``, so the next run reads their files anew."""
    for name, module in list(sys.modules.items()):
        if name not in ("__main__", "__mp_main__") and isinstance(module, ModuleType) and is_local_module(module):
            del sys.modules[name]
    importlib.invalidate_caches()


def normalized_source(text: str) -> str:
    """Return source without comments and layout, so that editing those keeps its hash.

    Text that does not parse is returned as it is.
    """
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return text


def local_imports(text: str, package: str, search: Iterable[str]) -> dict[str, str]:
    """Find the local modules that a source imports, directly or through others.

    Parameters
    ----------
    text
        Python source.
    package
        Dotted name of the package the source belongs to, for relative imports; may be empty.
    search
        Folders to look in, before ``sys.path``.

    Returns
    -------
    dict
        Module name to source text.
    """
    roots = [*search, *sys.path]
    found: dict[str, str] = {}
    waiting = [(text, package)]
    while waiting:
        source, home = waiting.pop()
        for name in _imported_names(source, home):
            for spec in _specs_along(name, roots):
                if spec.name in found or not spec.origin or not _is_local_file(spec.origin):
                    continue
                if spec.name.partition(".")[0] in _OURS or not spec.origin.endswith(".py"):
                    continue
                found[spec.name] = Path(spec.origin).read_text(encoding="utf-8", errors="replace")
                is_package = spec.submodule_search_locations is not None
                waiting.append((found[spec.name], spec.name if is_package else spec.name.rpartition(".")[0]))
    return found


def _imported_names(text: str, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            if base:
                yield base
                for alias in node.names:
                    yield f"{base}.{alias.name}"  # may be a submodule; skipped where it is only a name


def _specs_along(name: str, roots: list[str]) -> Iterator[ModuleSpec]:
    """Yield the specs of ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``, without importing any of them."""
    path: list[str] | None = roots
    parts = name.split(".")
    for depth in range(len(parts)):
        if path is None:
            return
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), path)
        if spec is None:
            return
        yield spec
        path = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None


def _is_local_file(file: str) -> bool:
    return not any(file.startswith(folder) for folder in _installed_folders())


@cache
def _installed_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({str(Path(paths[name])) for name in names} | {str(Path(paths[name]).resolve()) for name in names}
                 | {"<", str(Path(sys.base_prefix) / "lib" / "python3")})
