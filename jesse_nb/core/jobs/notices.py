"""Telling somebody that a job has ended: by a command, a notice of the desktop, or a message to an HTTP address."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Sequence
from typing import Any

from jesse_nb.core.jobs.job import Job
from jesse_nb.exceptions import InputError, JesseNbError, shown

__all__ = ["DESKTOP", "check_notice", "notify_at_end", "send_notice"]

#: What stands for a notice of the desktop.
DESKTOP = "desktop"

_SECONDS = 10.0
#: Shows a notice on the desktop, where it is installed, with title and text put in.
_DESKTOPS: dict[str, tuple[str, ...]] = {
    "linux": ("notify-send", "--app-name=jesse_nb", "{title}", "{text}"),
    "darwin": ("osascript", "-e", "on run argv", "-e", "display notification (item 2 of argv) with title "
               "(item 1 of argv)", "-e", "end run", "{title}", "{text}"),
}


def check_notice(target: Any, argument: str = "notify") -> str:
    """Return whom to tell, where that can be.

    Parameters
    ----------
    target
        ``desktop``, an address that begins with http:// or https://, or a command.
    argument
        What errors call it.

    Raises
    ------
    InputError
        When there is no such command, or no desktop here. An address is not called before the end.
    """
    hint = "It is desktop, an address that begins with https://, or a command."
    if not isinstance(target, str) or not target.strip() or not target.isprintable() or len(target) > 4_096:
        raise InputError.of(argument, f"is {shown(target)}.", hint)
    if _is_address(target):
        if not _host(target):
            raise InputError.of(argument, "is an address without a host.", hint)
        return target
    command = _desktop_command()[0] if target == DESKTOP else _words(target, argument)[0]
    if not command or shutil.which(command) is None:
        named = shown(command) if command else "for notices"  # what follows it can be secret
        raise InputError.of(argument, f"is not possible: there is no program {named} here.", hint)
    return target


def notify_at_end(job: Job[Any], target: str) -> threading.Thread:
    """Tell somebody when a job has ended, however it does; this process waits for that before it ends.

    What goes wrong with the message is a warning: the job is none the worse.
    """
    def tell() -> None:
        job.wait()
        title, text = _said(job)
        try:
            send_notice(target, title, text)
        except JesseNbError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=1)

    thread = threading.Thread(target=tell, name=f"jesse-nb-notice-{job.id}")
    thread.start()
    return thread


def send_notice(target: str, title: str, text: str) -> None:
    """Send a message; it takes 10 seconds at the most.

    A command gets the text on its standard input, and both in the environment variables ``JESSE_NB_TITLE`` and
    ``JESSE_NB_TEXT``; no shell reads it. An address gets the text in a POST as UTF-8, with the title in the header
    ``Title``.

    Raises
    ------
    InputError
        When it was not taken; addresses and commands, which can hold passwords, are not repeated.
    """
    if _is_address(target):
        _post(target, title, text)
        return
    words = [part.format(title=title, text=text) if part in ("{title}", "{text}") else part
             for part in _desktop_command()] if target == DESKTOP else _words(target, "notify")
    environment = {**os.environ, "JESSE_NB_TITLE": title, "JESSE_NB_TEXT": text}
    try:
        done = subprocess.run(words, input=text, env=environment, text=True, timeout=_SECONDS,  # noqa: S603 - the user's
                              check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise InputError(f"The notice was not sent: {shown(words[0])} took longer than {_SECONDS:g} s.") from None
    except OSError as error:
        raise InputError(f"The notice was not sent: {shown(words[0])} cannot be run: {error.strerror}.") from None
    if done.returncode:
        raise InputError(f"The notice was not sent: {shown(words[0])} ended with exit code {done.returncode}.")


def _post(address: str, title: str, text: str) -> None:
    request = urllib.request.Request(address, text.encode(), method="POST", headers={  # noqa: S310 - checked: HTTP
        "Title": title.encode("ascii", "replace").decode(), "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": "jesse_nb"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        raise InputError(f"The notice was not taken by {_host(address)}: HTTP {error.code}.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or type(reason).__name__
        raise InputError(f"The notice was not sent to {_host(address)}: {said}.") from None


def _said(job: Job[Any]) -> tuple[str, str]:
    """Return a title and a text about a job that has ended: nothing in it is code or a path."""
    progress = job.progress
    minutes, seconds = divmod(round(progress.elapsed), 60)
    lines = [f"{job.title}: {progress.state} after {minutes} min {seconds} s."]
    if progress.total:
        lines.append(f"{progress.done:,} of {progress.total:,} done.")
    if progress.best_label:
        lines.append(f"Best: {progress.best_label}.")
    return f"jesse_nb: {job.kind} {progress.state}", "\n".join(lines)


def _is_address(target: str) -> bool:
    return target.casefold().startswith(("http://", "https://"))


def _host(address: str) -> str:
    try:
        return urllib.parse.urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _desktop_command() -> Sequence[str]:
    return _DESKTOPS.get(sys.platform, ("",))


def _words(command: str, argument: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError.of(argument, f"is {shown(command)}.", f"It cannot be split into words: {error}.") from None
    return words or [""]
