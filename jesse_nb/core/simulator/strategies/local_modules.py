"""Which modules are the user's own, and what their source says.

A strategy's result depends on every local module it imports, so their source
is part of its hash, and a worker must forget them between runs. Installed
packages are not local: their versions stand in the result card instead.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from jesse_nb.exceptions import StrategyError

__all__ = ["expect_sources", "forget_local_modules", "is_local_file", "is_local_module", "local_imports",
           "module_files", "none_imported_yet", "normalized_source", "source_digest"]

#: Never the user's own, even when installed in editable form from a checkout, but for one strategy to play with.
_OURS = ("jesse", "jesse_nb")
_TO_PLAY_WITH = "jesse_nb.quickstart"

#: Digest of what each local module of the strategies of this run said when they were resolved.
_expected: dict[str, str] = {}


#: Loaded modules that were found to be installed ones: there are thousands, and each run asks about all of them.
_installed: dict[str, ModuleType] = {}

_none_imported = False


def is_local_module(module: ModuleType) -> bool:
    """Tell whether a module is a file or a folder of the user's, not an installed package."""
    if module.__name__ == _TO_PLAY_WITH:
        return True
    if module.__name__.partition(".")[0] in _OURS:
        return False
    file = getattr(module, "__file__", None)
    if file:
        return is_local_file(str(file))
    # A folder without __init__.py, such as a Jesse project's strategies; None for built-in modules.
    return any(is_local_file(str(folder)) for folder in getattr(module, "__path__", ()))


def forget_local_modules() -> None:
    """Drop the user's modules from ``sys.modules``, so the next run reads their files anew.

    From then on this process takes them from their source, never from bytecode: that is
    told apart by whole seconds, so an edit within the same second could go unseen. Nor does
    it write any bytecode beside the user's files.
    """
    global _none_imported
    if not any(isinstance(finder, _SourceFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder())
    for name, module in [] if _none_imported else list(sys.modules.items()):
        if _installed.get(name) is module or name in ("__main__", "__mp_main__"):
            continue
        if isinstance(module, ModuleType) and is_local_module(module):
            del sys.modules[name]
        else:
            _installed[name] = module
    _none_imported = False
    importlib.invalidate_caches()


def none_imported_yet() -> None:
    """Spare the next :func:`forget_local_modules` its look at all modules: this process has just begun."""
    global _none_imported
    _none_imported = True


@lru_cache(maxsize=256)  # the same strategies and modules in every call
def normalized_source(text: str) -> str:
    """Return source without comments and layout, so that editing those keeps its hash.

    Text that does not parse is returned as it is.
    """
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return text


@lru_cache(maxsize=256)  # the same files before every run
def source_digest(text: str) -> str:
    """Return a digest of source that comments and layout do not change."""
    return hashlib.blake2b(normalized_source(text).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def expect_sources(digests: Mapping[str, str]) -> None:
    """Refuse from now on to import these modules when their source has another digest.

    A result stands under the hash of the code it was asked for with, so code that was edited
    since must not run under that hash.
    """
    _expected.clear()
    _expected.update(digests)


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
        Module name to source text; to a hash of its content for a compiled module.
    """
    importlib.invalidate_caches()  # a module may have been written a moment ago
    roots = [*search, *sys.path]
    found: dict[str, str] = {}
    waiting = [(text, package)]
    while waiting:
        source, home = waiting.pop()
        for name in _imported_names(source, home):
            for spec in _specs_along(name, roots):
                if spec.name in found or not spec.origin:
                    continue
                if spec.name != _TO_PLAY_WITH and (spec.name.partition(".")[0] in _OURS
                                                   or not is_local_file(spec.origin)):
                    continue
                content = Path(spec.origin).read_bytes()
                if not spec.origin.endswith(".py"):
                    found[spec.name] = hashlib.blake2b(content).hexdigest()
                    continue
                found[spec.name] = content.decode("utf-8", errors="replace")
                is_package = spec.submodule_search_locations is not None
                waiting.append((found[spec.name], spec.name if is_package else spec.name.rpartition(".")[0]))
    return found


def module_files(name: str, roots: list[str]) -> Iterator[tuple[str, Path]]:
    """Find the files of a local module and of the packages it is in.

    Yields
    ------
    tuple
        The file's path below any folder that makes the module importable, with slashes, and where it is.
    """
    for spec in _specs_along(name, roots):
        if spec.origin and is_local_file(spec.origin):
            file = Path(spec.origin)
            package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
            yield "/".join([*filter(None, package.split(".")), file.name]), file


@lru_cache(maxsize=256)
def _imported_names(text: str, package: str) -> tuple[str, ...]:
    return tuple(_names_in(text, package))


def _names_in(text: str, package: str) -> Iterator[str]:
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


class _SourceLoader(SourceFileLoader):
    def get_data(self, path: str) -> bytes:
        """Read the source, if it still is what the run was asked for with."""
        content = super().get_data(path)
        expected = _expected.get(self.name)
        if expected is not None and source_digest(content.decode("utf-8", errors="replace")) != expected:
            raise StrategyError(f"{Path(path).name} ({self.name}) was edited after this run was asked for.",
                                "What ran before the edit is kept. Run it again: it takes the new code, all of it.")
        return content

    def path_stats(self, path: Any) -> NoReturn:
        """Keep the import system from reading and writing bytecode: it does so only beside a known time."""
        raise OSError(f"the bytecode of {path} is not to be used")


class _SourceFinder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or not is_local_file(spec.loader.path):
            return None
        spec.loader = _SourceLoader(spec.loader.name, spec.loader.path)
        return spec


@cache  # asked of every loaded module before every run
def is_local_file(file: str) -> bool:
    """Tell whether a file is the user's, not one of an installation."""
    # The names tell of installations that this interpreter's own paths do not, as `pip install --user`.
    named_so = {"site-packages", "dist-packages"} & set(Path(file).parts)
    return not (named_so or file.startswith(_installed_folders()))


@cache
def _installed_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [Path(paths[name]) for name in names] + [Path(sys.base_prefix) / "lib" / "python3"]
    return tuple({str(folder) for folder in folders} | {str(folder.resolve()) for folder in folders} | {"<"})
