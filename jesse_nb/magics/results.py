"""`%results`: what this project has kept."""

# IPython is not fully typed
# mypy: disable-error-code="no-untyped-call,untyped-decorator"
from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import magic_arguments

from jesse_nb.core.tools.declaration.line import given_words
from jesse_nb.core.tools.declaration.parameter import MAGIC
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import declared_options, parse_line, tool_arguments
from jesse_nb.widgets.live.display import Listing

__all__ = ["ResultsMagics"]


@magics_class
class ResultsMagics(Magics):
    """`%results`."""

    def __init__(self, shell: InteractiveShell, settings: JesseNb) -> None:
        super().__init__(shell)
        self._settings = settings

    @magic_arguments("results")
    @declared_options(RESULTS)
    @line_magic
    def results(self, line: str) -> Listing:
        """List the results that this project has kept, the newest first.

        Every finished backtest, study, walk-forward, batch and analysis is kept as a
        whole, under the name that ``-o`` or ``--name`` gives it::

            %results --week last --sort sharpe
            %results trend --kind optimize --metric "sharpe > 1"
            study = jn.load("study")

        ``jn.load`` opens one by its name or the first digits of its key, with nothing
        run; ``%compare`` puts several side by side; ``jn.keep`` names one anew.
        ``_.to_frame()`` is the table as a DataFrame.
        """
        words = given_words(RESULTS, MAGIC, parse_line(self.results, line))
        arguments = tool_arguments(RESULTS, words, {}, Desk())
        import pandas as pd

        from jesse_nb.core.record.result_store import default_results
        from jesse_nb.core.tools.record.finding import deleted_text, forget
        from jesse_nb.core.tools.record.listing import readable_results, results

        if "forget" in arguments:
            return Listing(pd.DataFrame(), deleted_text(forget(*words["forget"])))
        try:
            found = results(**arguments)
        except JesseNbError as error:
            raise error.call(RESULTS.flag_of(error.argument, MAGIC)) from None
        other = " with this" if words else ""
        return Listing(readable_results(found), f"No results{other} are kept in {default_results()}.", found,
                       found.attrs["kept"])
