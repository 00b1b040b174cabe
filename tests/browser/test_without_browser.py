"""What is left of a notebook for those who only read it: nbconvert and papermill."""

from __future__ import annotations

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter

from jesse_nb.core.candles import CandleStore, install_demo

STRATEGY = """
class Crossing(Strategy):
    def rising(self):
        return ta.ema(self.candles, self.hp["fast"]) > ta.ema(self.candles, self.hp["slow"])
    def should_long(self):
        return self.rising()
    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.9, self.price), self.price
    def update_position(self):
        if not self.rising():
            self.liquidate()

space = dict(fast=(2, 30), slow=(31, 120))
"""


@pytest.mark.timeout(120)
def test_papermill_runs_to_the_end_and_nbconvert_shows_the_report(tmp_path, monkeypatch):
    candles = CandleStore(tmp_path / "candles")
    install_demo(candles, ["BTC-USDT"], "2023-01-01", "2023-03-01")
    monkeypatch.setenv("JESSE_NB_CANDLES", str(candles.root))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    line = "%%optimize -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20"
    sources = [
        "%load_ext jesse_nb",
        f"{line} --trials 8 -o study{STRATEGY}",
        f"{line} --trials 9 -o job --background{STRATEGY}",
        "job.result()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False, cwd=tmp_path)

    ran = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    kinds = {kind for cell in ran.cells for output in cell.outputs for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds
    page, _ = HTMLExporter().from_notebook_node(ran)
    assert page.count("Optimization: Crossing") == 2
    assert "8 of 8 trials" in page
    assert "9 of 9 trials" in page
    assert "model not found" not in page.lower()
