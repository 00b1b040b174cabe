"""One notebook open in one page of JupyterLab, driven through JupyterLab's own models and commands."""

from __future__ import annotations

import ast
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, ConsoleMessage, Locator, Page, WebSocket

    from .lab import Lab

#: What JupyterLab 4 itself writes as an error, whatever the notebook does: (text or address, why it may).
ALLOWED_ERRORS: tuple[tuple[str, str], ...] = ()

#: Milliseconds that a condition may take; a busy machine of two cores is slow to import Jesse.
PATIENCE = 120_000


class NotebookPage:
    """A page of JupyterLab with one notebook.

    Parameters
    ----------
    page
        A new page; closed with :meth:`close`.
    lab
        Its server.
    workspace
        Name of the arrangement of tabs; the same name brings the same tabs back.
    """

    def __init__(self, page: Page, lab: Lab, workspace: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.messages = 0  # from the server, by websocket
        self.message_bytes = 0
        self._lab = lab
        self._workspace = workspace
        self._devtools: CDPSession | None = None
        page.set_default_timeout(PATIENCE / 4)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("websocket", self._watch_socket)

    def open(self, path: str) -> None:
        """Load JupyterLab and open the notebook; returns when its kernel answers."""
        self.page.goto(self._lab.url(self._workspace))
        self.page.wait_for_function("window.jupyterapp !== undefined")
        self.page.evaluate("path => labHelpers.open(path)", path)

    def begin(self, source: str) -> Run:
        """Write a new cell at the end and start it, without waiting."""
        place = self.page.evaluate("labHelpers.cellCount()")
        self.page.evaluate("([index, source]) => labHelpers.setSource(index, source)", [place, source])
        return self.begin_again(place)

    def begin_again(self, index: int) -> Run:
        """Start a cell as it is, without waiting; JupyterLab queues it behind a running one."""
        number = self.page.evaluate("index => labHelpers.begin('notebook:run-cell', index)", index)
        return Run(self, index, number)

    def begin_all(self) -> Run:
        """Start all cells, without waiting; the returned run ends with the last of them and is about that one."""
        number = self.page.evaluate("labHelpers.begin('notebook:run-all-cells')")
        return Run(self, self.page.evaluate("labHelpers.cellCount()") - 1, number)

    def run(self, source: str) -> Run:
        """Run a new cell to its end."""
        begun = self.begin(source)
        begun.wait()
        return begun

    def ask(self, expression: str) -> Any:
        """Return a Python literal's value from the kernel, as soon as it is not busy."""
        text = self.page.evaluate("expression => labHelpers.ask(expression)", f"repr({expression})")
        return ast.literal_eval(ast.literal_eval(text))

    def wait_until_answer(self, expression: str) -> None:
        """Wait until a Python expression is true in the kernel."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self.ask(f"bool({expression})"):
            assert time.monotonic() < deadline, f"{expression} stays untrue"
            self.page.wait_for_timeout(50)

    def command(self, name: str) -> None:
        """Execute one of JupyterLab's commands to its end."""
        self.page.evaluate("async name => { await jupyterapp.commands.execute(name); }", name)

    def complete(self, source: str) -> list[str]:
        """Write a new cell, press Tab at its end, and return what the pop-up offers."""
        place = self.page.evaluate("labHelpers.cellCount()")
        self.page.evaluate("([index, source]) => labHelpers.edit(index, source)", [place, source])
        self.page.locator(".jp-Cell.jp-mod-active .cm-editor.cm-focused").wait_for()
        self.page.keyboard.press("Control+End")
        self.page.keyboard.press("Tab")
        self.page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item").first.wait_for()
        offered = self.page.locator(".jp-Completer .jp-Completer-item .jp-Completer-match").all_inner_texts()
        self.page.keyboard.press("Escape")
        return offered

    def save(self) -> None:
        """Save the notebook."""
        self.page.evaluate("labHelpers.panel.context.save()")

    def cell(self, index: int) -> Run:
        """Return a cell as if it had run: what it shows."""
        return Run(self, index, -1)

    def theme(self, name: str) -> None:
        """Switch to ``"Light"`` or ``"Dark"``."""
        self.page.evaluate(
            "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}); }",
            f"JupyterLab {name}",
        )
        dark = name == "Dark"
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{str(not dark).lower()}'")
        # JupyterLab takes its splash screen away a moment later, and stumbles when two of them overlap.
        self.page.wait_for_function("document.getElementById('jupyterlab-splash') === null")

    def screenshot(self, name: str) -> None:
        """Save a picture of the page, for somebody to look at, in the folder that JESSE_NB_SCREENSHOTS names."""
        folder = os.environ.get("JESSE_NB_SCREENSHOTS")
        if folder and not self.page.is_closed():
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def heap(self) -> int:
        """Bytes of JavaScript objects alive after a garbage collection."""
        if self._devtools is None:
            self._devtools = self.page.context.new_cdp_session(self.page)
            self._devtools.send("Performance.enable")
        self._devtools.send("HeapProfiler.collectGarbage")
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return int(next(metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize"))

    def slowest_frame_until(self, run: Run) -> float:
        """Wait for a cell's end; returns the longest time between two frames of the page meanwhile, in milliseconds."""
        return float(
            self.page.evaluate(
                """number => new Promise((resolve) => {
                    let last = performance.now(), slowest = 0;
                    const frame = (now) => {
                        slowest = Math.max(slowest, now - last);
                        last = now;
                        if (labHelpers.commandEnds[number] !== null) resolve(slowest);
                        else requestAnimationFrame(frame);
                    };
                    requestAnimationFrame(frame);
                })""",
                run.number,
            )
        )

    def milliseconds_of_last_click(self) -> float:
        """When the page last saw a click, in milliseconds since 1970."""
        return float(self.page.evaluate("labHelpers.lastClick"))

    def _note_console(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(re.search(allowed, text) for allowed, _ in ALLOWED_ERRORS):
            self.errors.append(text)

    def _watch_socket(self, socket: WebSocket) -> None:
        def count(payload: str | bytes) -> None:
            self.messages += 1
            self.message_bytes += len(payload)

        socket.on("framereceived", count)


class Run:
    """One execution of a cell."""

    def __init__(self, notebook: NotebookPage, index: int, number: int) -> None:
        self._notebook = notebook
        self._page = notebook.page
        self.number = number
        self.index = index

    @property
    def ended(self) -> bool:
        """Whether JupyterLab has heard that the cell ended."""
        return self._ended_at() is not None

    @property
    def milliseconds_of_end(self) -> float:
        """When JupyterLab heard that the cell ended, in milliseconds since 1970."""
        ended = self._ended_at()
        assert ended is not None
        return ended

    def wait(self) -> None:
        """Wait for the end of the cell."""
        self._page.wait_for_function(
            "number => labHelpers.commandEnds[number] !== null", arg=self.number, timeout=PATIENCE
        )

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The cell's outputs, as the notebook's model has them."""
        return list(self._page.evaluate("index => labHelpers.outputs(index)", self.index))

    @property
    def html(self) -> str:
        """All HTML among the outputs."""
        return str(self._page.evaluate("index => labHelpers.html(index)", self.index))

    @property
    def text(self) -> str:
        """All outputs' plain text, what was printed, and errors."""
        return "\n".join(_text_of(output) for output in self.outputs)

    def wait_until(self, condition: str, argument: Any = None) -> Any:
        """Wait until a JavaScript function of (the outputs' HTML, ``argument``) gives something true; returns that.

        Raises
        ------
        AssertionError
            When it did not, or when the cell ended with an error; says what the cell shows.
        """
        from playwright.sync_api import Error

        try:
            found = self._page.wait_for_function(
                f"""([index, argument]) => {{
                    if (labHelpers.outputs(index).some((output) => output.output_type === "error")) return "error";
                    const found = ({condition})(labHelpers.html(index), argument);
                    return found && {{found}};
                }}""",
                arg=[self.index, argument],
                timeout=PATIENCE,
            ).json_value()
        except Error as error:
            raise AssertionError(f"{condition} stays untrue; the cell shows:\n{self.text}\n{self.html}") from error
        assert found != "error", self.text
        return found["found"]

    def wait_for_html(self, pattern: str) -> None:
        """Wait until the outputs' HTML has a match of a JavaScript regular expression."""
        self.wait_until("(html, pattern) => new RegExp(pattern).test(html)", pattern)

    def wait_for_progress(self, above: float = 0) -> float:
        """Wait until the bar shows more than a fraction; returns what it shows."""
        condition = "(html, [index, above]) => { const at = labHelpers.progress(index); return at > above && at; }"
        return float(self.wait_until(condition, [self.index, above]))

    def see(self, text: str) -> None:
        """Wait until the cell's outputs show a text, after bringing the cell into view."""
        self._page.evaluate("index => labHelpers.show(index)", self.index)
        try:
            self._page.wait_for_function(
                "([index, text]) => labHelpers.node(index).innerText.includes(text)", arg=[self.index, text]
            )
        except Exception as error:
            shown = self._page.evaluate("index => labHelpers.node(index).innerText", self.index)
            raise AssertionError(f"{text!r} is not to be seen, but:\n{shown[-3000:]}") from error

    def shown(self, selector: str) -> Locator:
        """What of the cell's outputs is on the page."""
        self._page.evaluate("index => labHelpers.show(index)", self.index)
        return self._page.locator(
            f"[data-cell-of-test='{self.index}'] .jp-Cell-outputWrapper >> {selector} >> visible=true"
        ).first

    def _ended_at(self) -> float | None:
        return self._page.evaluate("number => labHelpers.commandEnds[number]", self.number)  # type: ignore[no-any-return]


def _text_of(output: dict[str, Any]) -> str:
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    text = output.get("text", output.get("data", {}).get("text/plain", ""))
    return text if isinstance(text, str) else "".join(text) if isinstance(text, list) else json.dumps(text)
