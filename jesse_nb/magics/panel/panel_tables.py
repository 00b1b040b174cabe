"""What each form shows: of a tool as it is declared, of `%candles` as it stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jesse_nb.core.tools.declaration.parameter import MAGIC, Parameter
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.registry import IMPORT_FILES, TOOLS, tool_of_magic

__all__ = ["CANDLES", "RECORD", "PanelTable", "panel_names", "table_of"]


@dataclass(frozen=True)
class PanelTable:
    """A form.

    Attributes
    ----------
    magic
        The magic that it fills in.
    title, remark, verb
        What stands above it, and on its button.
    main, more
        Arguments by their name in Python: those always seen, and the others.
    required
        Why an argument cannot be left out.
    words
        What follows the magic's name at once.
    output
        The suggested name of its result.
    then
        Forms that can go on with the result, and what they are given of it; ``{}`` is its name.
    kinds
        How an argument that no tool declares is filled in, where that is not a text.
    offers
        Where the values of an argument are those of another.
    called
        What an argument is called in errors, where the magic hands it on under another name.
    background
        Whether the magic runs in the background.
    question
        What is asked before it runs, with the arguments' words in braces.
    parameters
        Arguments as a tool declares them that the magic does a part of.
    filters
        Whether its fields only choose from what is there: nothing is filled in, and a strategy may be gone by now.
    """

    magic: str
    title: str
    remark: str
    main: tuple[str, ...]
    more: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    output: str = ""
    then: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    background: bool = True
    verb: str = "Run"
    question: str = ""
    parameters: tuple[Parameter, ...] = ()
    filters: bool = False

    @property
    def tool(self) -> Tool | None:
        """The tool of its magic; None where that is no tool's."""
        return tool_of_magic(self.magic)

    @property
    def arguments(self) -> tuple[str, ...]:
        """All that it asks for."""
        return (*self.main, *self.more)

    @property
    def more_by_group(self) -> dict[str, list[str]]:
        """The arguments behind "More options", by the heading that they have in the magic's help, too."""
        groups: dict[str, list[str]] = {}
        for name in self.more:
            parameter = self.declared(name)
            groups.setdefault(parameter.group if parameter else "", []).append(name)
        return groups

    def declared(self, argument: str) -> Parameter | None:
        """Return an argument as the tool declares it for its magic."""
        declared = self.tool.on(MAGIC) if self.tool else self.parameters
        return next((parameter for parameter in declared if parameter.name == argument), None)

    def field_for(self, argument: str) -> str:
        """Return the argument of this form that an error, or another form, calls so; empty where there is none."""
        if argument in self.arguments:
            return argument
        return next((name for name in self.arguments if self.called.get(name) == argument or
                     ((parameter := self.declared(name)) is not None and argument in parameter.also)), "")


def panel_names() -> tuple[str, ...]:
    """Return the names of all forms."""
    return (*(tool.panel for tool in TOOLS.values() if tool.panel), "candles", "results")


def table_of(name: str) -> PanelTable:
    """Return the form of a tool, by its name in ``%panel``."""
    tool = next(tool for tool in TOOLS.values() if tool.panel == name)
    assert tool.form is not None
    shown = [parameter for parameter in tool.on(MAGIC) if parameter.in_form]
    return PanelTable(
        name, tool.title, tool.form.remark, tool.form.main,
        tuple(parameter.name for parameter in shown if parameter.name not in tool.form.main),
        {parameter.name: parameter.needed for parameter in shown if parameter.needed}, output=tool.form.output,
        then=tool.then,
    )


_LISTED = tuple(parameter for parameter in RESULTS.on(MAGIC) if parameter.name != "forget")
_ALWAYS = ("text", "strategy", "symbol", "tags", "verdict", "metric", "week", "sort")

#: The form that finds kept results: the list's own arguments, of which one deletes and is a button here.
RECORD = PanelTable(
    "results", "Results", "what this project has kept: find it, open it, compare it",
    _ALWAYS, tuple(parameter.name for parameter in _LISTED if parameter.name not in _ALWAYS), background=False,
    verb="Find", parameters=_LISTED, filters=True,
)

_IMPORT = IMPORT_FILES.on(MAGIC)

#: The forms of the candles panel, by the action of ``%candles``.
CANDLES = {
    "demo": PanelTable(
        "candles", "Demo market", "store a synthetic market, offline, to try things on; all symbols, if none is chosen",
        ("symbols", "start", "end"), words=("demo",), background=False, verb="Store",
        kinds={"symbols": "several", "start": "date", "end": "date"}, offers={"symbols": "demo_symbols"},
    ),
    "import": PanelTable(
        "candles", "Import files", "CSV, Parquet, Feather, JSON, exchange archives, plain or zipped",
        ("names", "exchange", "symbols", "preview"),
        ("replace", *(one.name for one in _IMPORT if one.name != "preview")),
        {"names": "Give a file, several, or a folder.", "exchange": "Name the exchange."}, ("import",),
        background=False, verb="Import", kinds={"exchange": "suggest", "names": "files"}, parameters=_IMPORT,
        called={"names": "source"},
    ),
    "delete": PanelTable(
        "candles", "Delete a series", "its file is removed from the store", ("exchange", "names"),
        words=("delete",), background=False, verb="Delete", kinds={"exchange": "pick", "names": "pick"},
        offers={"names": "symbol"},
        required={"names": "Choose what to delete.", "exchange": "Choose the exchange of what to delete."},
        question="Delete {names} of {exchange}? This cannot be undone.",
    ),
}
