"""A field for files: paths where the kernel runs, or files that the browser sends there."""

# anywidget, ipywidgets and traitlets are not fully typed
# mypy: disable-error-code="misc,no-untyped-call"
from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from jesse_nb.widgets.panel.panel_fields import Check, TextField

__all__ = ["FileChooser", "FilesField"]

#: Letters that a magic's line does not take as they are.
_TAKEN_AWAY = str.maketrans("{}$/\\\0", "______")

_TIP = "Sends files from your computer to where the kernel runs; they are removed there when it ends."


class FileChooser(anywidget.AnyWidget):
    """A button that sends files from the browser to a folder of this process, part by part.

    Parameters
    ----------
    taken
        Called with the paths when all files that were chosen have come.

    Attributes
    ----------
    said
        How far it is.
    """

    _esm = Path(__file__).parent / "panel_files.js"
    said = traitlets.Unicode("").tag(sync=True)
    tip = traitlets.Unicode(_TIP).tag(sync=True)

    def __init__(self, taken: Callable[[list[Path]], None]) -> None:
        super().__init__()
        self._taken = taken
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._come: list[Path] = []
        self.on_msg(lambda _, content, buffers: self._take(content, bytes(buffers[0])))

    def _take(self, content: dict[str, Any], part: bytes) -> None:
        try:
            done = self._write(content, part)
        except OSError as error:
            self._come = []
            self.said = f"It cannot be kept: {error.strerror or error}."
            self.send({"type": "arrived", "ok": False})
            return
        if done and content["left"] == 0:
            come, self._come = self._come, []
            self._taken(come)
        self.send({"type": "arrived", "ok": True})

    def _write(self, content: dict[str, Any], part: bytes) -> bool:
        """Add a part to its file; return whether that is whole now."""
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="jesse_nb-")
        name = Path(str(content["name"]).translate(_TAKEN_AWAY).lstrip("-.")).name[-200:] or "file"
        path = Path(self._folder.name) / name
        with path.open("ab" if content["first"] else "wb") as file:
            file.write(part)
        come, size = int(content["first"]) + len(part), int(content["size"])
        self.said = f"{name}: {come / 2**20:,.1f} of {size / 2**20:,.1f} MB"
        if come >= size:
            self._come.append(path)
        return come >= size


class FilesField(TextField):
    """Paths, patterns and folders, written or sent from the browser."""

    def __init__(self, name: str, label: str, help_text: str, check: Check, **options: Any) -> None:
        super().__init__(name, label, help_text, check, **options)
        self.control.placeholder = "path where the kernel runs, a pattern or a folder"
        self.chooser = FileChooser(self._take)
        self.row.children = (self.control, self.chooser, *self.row.children[1:])

    def _take(self, paths: Sequence[Path]) -> None:
        self.control.value = shlex.join(map(str, paths))
