"""The commands of `jesse-nb`: those of its own here, the tools' as they declare them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jesse_nb.cli.parser import DEMO_OPTIONS, parse_command_line, tool_of_command
from jesse_nb.cli.project import to_project_command
from jesse_nb.cli.tools import check_command, check_output, run_command, run_tool
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import COMMAND
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.core.tools.registry import OPTIMIZE
from jesse_nb.core.user_path import working_folder
from jesse_nb.exceptions import InputError, JesseNbError, JobInterruptedError, MissingPartError

if TYPE_CHECKING:
    from jesse_nb.core.candles import CandleStore

__all__ = ["main"]

_INTERRUPTED = 130
_WRONG = 2

_STORING = "Storing the demo market (synthetic prices, not a real market) ..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The words after ``jesse-nb``; those of the process by default.

    Returns
    -------
    int
        0 when it worked, 2 with one line on standard error when it did not, 130 after an interrupt.
    """
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `jesse-nb runs | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python stumbles over it at its exit
        return 0


def _run(words: list[str]) -> int:
    try:
        if words[:1] == ["lab"]:  # JupyterLab reads its own options
            return _lab(words[1:])
        options = parse_command_line(words)
        if options.version:
            import jesse_nb

            print(f"jesse-nb {jesse_nb.__version__}")
            return 0
        if options.command is None:
            return main(["--help"])
        tool = tool_of_command(options.command)
        if tool is not None and getattr(options, "detach", False):
            from jesse_nb.cli.detached import start_detached

            check_command(tool, options)
            return start_detached(words)
        if tool is not None:
            return run_command(tool, options)
        return _OWN_COMMANDS[options.command](options)
    except JobInterruptedError as error:
        return _say(error, _INTERRUPTED)
    except JesseNbError as error:
        return _say(error, _WRONG)
    except KeyboardInterrupt:
        return _say("Interrupted.", _INTERRUPTED)


def _say(message: object, code: int) -> int:
    print(f"jesse-nb: {message}", file=sys.stderr)
    return code


def _demo(options: Namespace) -> int:
    import jesse_nb
    from jesse_nb.cli.strategy_file import read_strategy_file
    from jesse_nb.core.candles import DEMO_EXCHANGE, install_demo

    check_output(options.output)
    words = {name: given for name, given in given_words(OPTIMIZE, COMMAND, options).items() if name in DEMO_OPTIONS}
    try:
        chosen = read_line(OPTIMIZE, COMMAND, words, Desk())
    except InputError as error:
        raise error.call(OPTIMIZE.flag_of(error.argument)) from None
    print(_STORING, flush=True)
    for series in install_demo():
        print(f"  {series}")
    quickstart = read_strategy_file(Path(jesse_nb.__file__).with_name("quickstart.py"))
    print("Optimizing TrendFollower on a year of BTC-USDT 1h, the last quarter held out ...", flush=True)
    done = run_tool(
        jesse_nb.optimize,
        {
            "strategy": quickstart.code, "symbol": "BTC-USDT", "timeframe": "1h", "exchange": DEMO_EXCHANGE,
            "start": "2023-06-01", "end": "2024-06-01", "test_ratio": 0.25,
            "space": quickstart.names["space"], "metric": "sharpe",
            **chosen,
        },
        options.output,
    )
    print("Next: `jesse-nb lab` opens JupyterLab on the example notebooks.")
    return done


def _candles(options: Namespace) -> int:
    from jesse_nb.cli import candles as cli_candles
    from jesse_nb.core.candles import CandleStore, install_demo

    store = CandleStore(getattr(options, "candles", None))
    if options.action == "demo":
        print(_STORING, flush=True)
        chosen = {name: getattr(options, name) for name in ("symbols", "start", "end", "seed")}
        found = install_demo(store, **{name: value for name, value in chosen.items() if value is not None})
    elif options.action == "from-database":
        found = cli_candles.from_database(store, options)
    elif options.action in cli_candles.COMMANDS:
        return cli_candles.COMMANDS[options.action](store, options)
    elif options.action == "delete":
        return _delete(store, options)
    else:
        found = cli_candles.listing(store)
    print("\n".join(map(str, found)) or f"No candles are stored in {store.root}. "
          "`jesse-nb candles demo` stores a synthetic market.")
    return 0


def _delete(store: CandleStore, options: Namespace) -> int:
    # all are found before the first is deleted
    found = [store.resolve(symbol, options.exchange) for symbol in options.symbols]
    if not options.yes and not sys.stdin.isatty():
        raise InputError("Nobody can be asked here whether to delete.", "Add --yes.")
    for series in found:
        if options.yes or input(f"Delete {series}? [y/N] ").strip().casefold() in ("y", "yes"):
            store.delete(series.exchange, series.symbol)
            print(f"Deleted {series}")
    return 0


def _runs(options: Namespace) -> int:
    from jesse_nb.core.jobs.ledger import readable_ledger
    from jesse_nb.core.jobs.store import RunStore

    if options.ledger and options.limit is not None:
        raise InputError("--limit is for the newest runs; --ledger counts all.", "Leave one of them out.")
    limit = 20 if options.limit is None else options.limit
    if limit < 1:
        raise InputError(f"--limit is {limit}.", "It is a whole number from 1 up.")
    store = RunStore(options.store)
    try:
        runs = store.ledger() if options.ledger else store.recent(limit)
    finally:
        store.close()
    if store.damaged:
        print(f"{len(store.damaged):,} of the stored runs were damaged, and are left out.", file=sys.stderr)
    if runs.empty:
        print(f"No finished runs in {store.place}.")
        return 0
    if options.ledger:
        print(readable_ledger(runs).to_string(index=False))
        return 0
    runs["key"] = runs["key"].str[:8]  # enough to tell them apart
    for column, shown in (("finished", "%Y-%m-%d %H:%M:%S"), ("start", "%Y-%m-%d"), ("end", "%Y-%m-%d")):
        runs[column] = runs[column].dt.strftime(shown)
    print(runs.to_string(index=False, float_format="{:.2f}".format))
    print(f"`jesse-nb analyze {runs['key'].iloc[0]}` reads the first of them; the others by their own key.")
    return 0


def _results(options: Namespace) -> int:
    from jesse_nb.core.record.result_store import default_results
    from jesse_nb.core.tools.record.finding import deleted_text, forget
    from jesse_nb.core.tools.record.listing import readable_results, results

    words = given_words(RESULTS, COMMAND, options)
    try:
        chosen = read_line(RESULTS, COMMAND, words, Desk())
        if "forget" in chosen:
            print(deleted_text(forget(*words["forget"])))
            return 0
        found = results(**chosen)
    except JesseNbError as error:
        raise error.call(RESULTS.flag_of(error.argument)) from None
    if found.attrs["kept"]:
        print(found.attrs["kept"])
    if found.empty:
        print(f"No results{' with this' if words else ''} are kept in {default_results()}.")
        return 0
    print(readable_results(found).to_string(index=False))
    print("`jesse-nb compare` puts several side by side, by name or key; `jesse-nb to-project` writes one's strategy "
          "into a Jesse project.")
    return 0


def _jobs(options: Namespace) -> int:
    from jesse_nb.cli.jobs import jobs_command

    return jobs_command(options, main)


def _lab(arguments: list[str]) -> int:
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingPartError("JupyterLab is not installed.", 'Run `python -m pip install "jesse-nb[lab]"`.')
    with subprocess.Popen([sys.executable, "-m", "jupyterlab", str(_notebooks()), *arguments]) as lab:  # noqa: S603
        while lab.returncode is None:
            with contextlib.suppress(KeyboardInterrupt):  # JupyterLab got it too, and asks whether to stop
                lab.wait()
        return lab.returncode


_OWN_COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "demo": _demo, "candles": _candles, "runs": _runs, "results": _results, "jobs": _jobs,
    "to-project": to_project_command,
}


def _notebooks() -> Path:
    """Return the folder of example notebooks: the checkout's own, or a copy of the packaged ones."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent / "notebooks"
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    folder = working_folder() / "jesse_nb_notebooks"
    folder.mkdir(exist_ok=True)
    for packaged in sorted((package / "_notebooks").glob("*.ipynb")):
        if not (folder / packaged.name).exists():  # what a user changed stays
            shutil.copyfile(packaged, folder / packaged.name)
    return folder
