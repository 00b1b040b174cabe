"""The file chooser of the import form: its script in a real browser, its other end in this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jesse_nb.widgets.panel import panel_files
from jesse_nb.widgets.panel.panel_files import FileChooser, FilesField
from tests.widgets.test_live_view_page import browser, page  # noqa: F401 - fixtures

SCRIPT = Path(panel_files.__file__).with_suffix(".js").read_text()

MODEL = """([script]) => {
  const heard = {}, state = { said: "", tip: "" };
  const model = {
    get: (name) => state[name],
    on: (name, call) => { heard[name] = call; },
    off: () => {},
    send: async (content, _, [part]) => {
      const bytes = Array.from(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      const [answers, said] = await toKernel(content, bytes);
      state.said = said;
      heard["change:said"]();
      answers.forEach((answer) => heard["msg:custom"](answer));
    },
  };
  return import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
    .then((module) => { module.default.render({ model, el: document.body }); });
}"""


@pytest.fixture
def chooser(monkeypatch):
    """What it took, what it answered, and itself."""
    taken, answers = [], []
    made = FileChooser(taken.append)
    monkeypatch.setattr(FileChooser, "send", lambda _, message: answers.append(message))
    return made, taken, answers


def part(chooser, name, content, first=0, size=None, left=0):
    message = {"type": "part", "name": name, "first": first, "size": len(content) if size is None else size,
               "left": left}
    chooser._handle_custom_msg(message, [memoryview(content)])


def test_files_come_whole_through_a_real_browser(page, chooser, tmp_path):  # noqa: F811
    made, taken, answers = chooser
    sent = {"BTCUSDT-1m-2024-01.zip": os.urandom(250_000), "empty.csv": b"", "my {prices} $x.csv": b"1,2\n"}
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)

    def to_kernel(content, bytes_of_it):
        answers.clear()
        made._handle_custom_msg(content, [memoryview(bytes(bytes_of_it))])
        return [answers[:], made.said]

    page.expose_function("toKernel", to_kernel)
    page.evaluate(MODEL, [SCRIPT.replace("2 ** 20", "2 ** 16")])
    page.evaluate("() => { window.blurs = 0; const button = document.querySelector('button');"
                  " button.addEventListener('blur', () => { blurs += 1; }); button.focus(); }")
    page.set_input_files("input", [str(tmp_path / name) for name in sent])
    page.wait_for_function("() => document.querySelector('span').textContent.startsWith('my')")
    page.wait_for_function("() => document.querySelector('button').ariaDisabled !== 'true'")
    assert page.evaluate("[blurs, document.activeElement.tagName]") == [0, "BUTTON"]  # it keeps the focus meanwhile
    (paths,) = taken
    assert [path.read_bytes() for path in paths] == list(sent.values())
    assert [path.name for path in paths] == ["BTCUSDT-1m-2024-01.zip", "empty.csv", "my _prices_ _x.csv"]
    assert page.inner_text("span") == "my _prices_ _x.csv: 0.0 of 0.0 MB"
    made._folder.cleanup()
    page.set_input_files("input", str(tmp_path / "empty.csv"))
    page.wait_for_function("() => document.querySelector('span').textContent.includes('No such file')")
    page.wait_for_function("() => document.querySelector('button').ariaDisabled !== 'true'")
    assert len(taken) == 1


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/passwd", "..", ".hidden", "-x.csv", "", "a\\b.csv", "n" * 900])
def test_no_name_leads_out_of_its_folder(chooser, name):
    made, taken, _ = chooser
    part(made, name, b"x")
    ((path,),) = taken
    assert path.parent == Path(made._folder.name)
    assert path.read_bytes() == b"x"
    assert not path.name.startswith(("-", "."))


def test_several_files_fill_the_field_once_all_are_there(monkeypatch):
    monkeypatch.setattr(FileChooser, "send", lambda *_: None)
    field = FilesField("names", "File", "", lambda words: None, several=True)
    part(field.chooser, "a b.csv", b"12", size=4, left=1)
    part(field.chooser, "a b.csv", b"34", first=2, size=4, left=1)
    assert field.words == []
    part(field.chooser, "c.csv", b"5")
    first, second = map(Path, field.words)
    assert (first.read_bytes(), second.read_bytes()) == (b"1234", b"5")
