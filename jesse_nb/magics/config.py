"""`%config JesseNb`: defaults of the options that every magic line would repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from traitlets import Bool, TraitError, TraitType
from traitlets.config import Configurable

from jesse_nb.core.tools.declaration.parameter import Parameter
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.registry import TOOLS, settings
from jesse_nb.exceptions import JesseNbError

__all__ = ["JesseNb"]


def _help(name: str, first: Parameter) -> str:
    """Return the help of a setting: of the first tool that has it, and of others with another default."""
    others = {parameter.default_text: f" {tool.title}: {parameter.full_help}" for tool in TOOLS.values()
              for parameter in tool.parameters
              if parameter.setting == name and parameter.default_text != first.default_text}
    return first.full_help + "".join(others.values())


class Setting(TraitType[Any, Any]):
    """A default of an argument: read by the argument's own reader, and kept as it can be written down.

    Parameters
    ----------
    name
        In ``%config``.
    parameter
        The argument.
    """

    def __init__(self, name: str, parameter: Parameter) -> None:
        self._called, self._parameter = name, parameter
        super().__init__(None, allow_none=True, help=_help(name, parameter))
        self.tag(config=True)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return a checked value; what cannot be written down as the words that gave it."""
        if value is None:
            return None
        one = self._parameter
        try:
            if not isinstance(value, str):
                read = one.read(value)
            else:
                read = one.read_words(value.split() if one.reader.many else [value], Desk())
        except JesseNbError as error:
            raise TraitError(str(error.call(f"JesseNb.{self._called}"))) from error
        kept = read if isinstance(read, str | bool | int | float) else value
        if not isinstance(kept, str | bool | int | float):
            raise TraitError(f"JesseNb.{self._called} is set in words or numbers, not by {type(value).__name__}.")
        return _shown_store(kept) if one.name == "store" else kept

    def from_string(self, s: str) -> Any:
        """Return what a command line of Jupyter sets."""
        return s


class JesseNb(Configurable):
    """Defaults for the magics of jesse_nb; an option given on the line wins.

    ``%config JesseNb`` lists them, ``%config JesseNb.jobs = 2`` sets one. None
    leaves the choice to the tool; what that is, is given in parentheses. ``c.JesseNb.jobs = 2`` in
    ``ipython_config.py`` or ``ipython_kernel_config.py`` keeps it for good.
    """

    # The namespace of a class's body is open while it runs.
    locals().update({name: Setting(name, setting) for name, setting in settings().items()})

    warm_up = Bool(
        True,
        help="Start the worker processes in the background when the extension loads; "
        "takes effect from a configuration file.",
    ).tag(config=True)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def defaults_of_tools(self) -> dict[str, Any]:
        """Return what was set, by the name of the tools' argument."""
        known = settings()
        return {known[name].name: value for name, value in self.chosen().items()}

    def chosen(self) -> dict[str, Any]:
        """Return what was set of the tools' defaults, by the setting's own name."""
        values = {name: getattr(self, name) for name in settings()}
        return {name: value for name, value in values.items() if value is not None}

    @contextmanager
    def replaced(self, chosen: Mapping[str, Any]) -> Iterator[None]:
        """Have exactly these of the tools' defaults set for a while."""
        before = self.chosen()
        try:
            for name in settings():
                setattr(self, name, chosen.get(name))
            yield
        finally:
            for name in settings():
                setattr(self, name, before.get(name))


def _shown_store(place: Any) -> Any:
    """Set a password aside, as settings are shown and written down."""
    from jesse_nb.core.jobs.store.address import is_address, without_password

    return without_password(place) if is_address(place) else place
