"""Kept results: whole or not at all, listed from an index that mends itself, found by name and key."""

from __future__ import annotations

import hashlib
import stat
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.record.files import ENDING, VERSION, StoredResult, read_entry, read_result, result_of, write_result
from jesse_nb.core.record.labels import Labels, labels_of, labels_of_words
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.tools.record.listing import readable_results
from jesse_nb.exceptions import InputError, StorageError

ABOUT = ResultEntry("", "backtest", "Trend BTC-USDT 1h, 2023-01-01 to 2023-02-01", strategies=("Trend",),
                    symbols=("BTC-USDT",), timeframes=("1h",), metric="Sharpe ratio", value=1.5,
                    metrics={"sharpe_ratio": 1.5, "total": 40, "max_drawdown": -12.0})
#: What version 1 wrote, in December 2026: it must be readable for good.
OLD = Path(__file__).parent / "written_by_1.result"


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "results")


def test_a_result_comes_back_and_only_its_user_can_read_it(store):
    account = Account(leverage=2)
    entry = store.keep(account, ABOUT, labels_of("study", ["a", "b"], "why"))
    assert store.open(entry.key) == account
    assert store.find("study") == store.find(entry.key[:6]) == entry
    assert (entry.tags, entry.note) == (("a", "b"), "why")
    assert abs(entry.when - time.time()) < 60
    for file in store.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_the_same_result_is_written_once_and_keeps_what_it_is_called(store):
    first = store.keep(Account(), ABOUT, Labels())
    store.label(first.key, labels_of("named", "tag", "note"))
    again = store.keep(Account(), ABOUT, Labels())
    assert (again.key, again.name, again.tags, again.note) == (first.key, "named", ("tag",), "note")
    assert len(store.entries()) == 1
    other = store.keep(Account(), ABOUT, labels_of("other"))
    assert other.key != first.key
    assert store.find("named").key == first.key


def test_the_newest_of_a_name_is_found_and_a_slip_is_told(store):
    keys = [store.keep(Account(leverage=number), ABOUT, labels_of("study")).key for number in (1, 2, 3)]
    assert store.find("study").key == keys[-1]
    assert [entry.key for entry in store.entries()] == keys[::-1]
    with pytest.raises(InputError, match=r"No result is called 'stduy'.* Did you mean 'study'\?"):
        store.named("stduy")
    store.forget([keys[-1]])
    assert store.find("study").key == keys[1]


@pytest.mark.parametrize("place", ["mark", "entry", "checksum", "body", "end"])
def test_a_changed_bit_is_noticed(store, place):
    key = store.keep(Account(), ABOUT, Labels()).key
    file = store.folder / f"{key}{ENDING}"
    written = bytearray(file.read_bytes())
    lines = [0, written.index(b"\n") + 1]
    lines.append(written.index(b"\n", lines[1]) + 1)
    body = written.index(b"\n", lines[2]) + 1
    where = {"mark": 3, "entry": lines[1] + 40, "checksum": lines[2] + 5, "body": body + 10, "end": len(written) - 1}
    written[where[place]] ^= 1
    file.write_bytes(written)
    with pytest.raises(StorageError, match=r"damaged|no record") as told:
        store.open(key)
    assert "\n" not in str(told.value)
    file.write_bytes(written[: len(written) // 2])
    with pytest.raises(StorageError, match=r"damaged|no record"):
        store.open(key)
    store.keep(Account(), ABOUT, Labels())  # the same result again takes its place
    assert store.open(key) == Account()


def test_a_newer_version_is_refused_in_a_line_and_this_one_is_read(store):
    key = store.keep(Account(), ABOUT, Labels()).key
    file = store.folder / f"{key}{ENDING}"
    file.write_bytes(file.read_bytes().replace(b"jesse_nb result %d" % VERSION, b"jesse_nb result %d" % (VERSION + 1)))
    with pytest.raises(StorageError, match=rf"newer jesse_nb \(format {VERSION + 1}\)\. Update jesse_nb\.$") as told:
        store.open(key)
    assert "\n" not in str(told.value)
    with pytest.warns(RuntimeWarning, match="newer jesse_nb"):
        assert store.entries() == []


def test_what_version_1_wrote_is_read(tmp_path):
    entry = read_entry(OLD)
    assert (entry.kind, entry.name, entry.tags, entry.note) == ("backtest", "kept", ("trend",), "of version 1")
    run = result_of(read_result(OLD), OLD)
    assert entry.trades == len(run.trades), "as its metrics say"
    assert entry.days != entry.days, "it did not say, and is listed without opening it"
    assert run.metrics["total"] == len(run.trades) > 0
    assert run.spec.key == jn.load(_copy(OLD, tmp_path)).key
    assert f"{run.equity.iloc[-1]:.6f}" == f"{run.metrics['finishing_balance']:.6f}"
    assert str(run)
    assert run.to_html(tmp_path / "missing" / "folders" / "report.html").is_file()


def _copy(file, folder):
    copy = folder / f"copy{ENDING}"
    copy.write_bytes(file.read_bytes())
    copy.chmod(0o600)
    return copy


def test_a_file_of_others_is_not_opened(tmp_path):
    copy = _copy(OLD, tmp_path)
    copy.chmod(0o666)
    with pytest.raises(StorageError, match="chmod go-w"):
        jn.load(copy)


def test_the_index_is_made_anew_wherever_it_does_not_fit(store):
    keys = {store.keep(Account(leverage=number), ABOUT, labels_of(f"n{number}")).key for number in (1, 2)}
    index = store.folder / "index.sqlite"
    assert {entry.key for entry in store.entries()} == keys
    for spoil in (lambda: index.write_bytes(b"no database" * 100), lambda: index.write_bytes(b""), index.unlink):
        spoil()
        assert {entry.key for entry in store.entries()} == keys
        assert {entry.key for entry in store.entries()} == keys
    moved = store.folder / f"{'a' * 16}{ENDING}"
    (store.folder / f"{min(keys)}{ENDING}").rename(moved)
    assert {entry.key for entry in store.entries()} == {max(keys), "a" * 16}
    stored = read_result(moved)
    write_result(moved, StoredResult(replace(stored.entry, note="by another process"), stored.content))
    assert store.find("a" * 16).note == "by another process"


def test_a_damaged_record_is_told_in_lists_and_by_its_key(store):
    keys = [store.keep(Account(leverage=number), ABOUT, labels_of("study")).key for number in (1, 2)]
    assert len(store.entries()) == 2
    file = store.folder / f"{keys[1]}{ENDING}"
    file.write_bytes(file.read_bytes()[:-1].replace(b"BTC", b"BTD"))
    with pytest.warns(RuntimeWarning, match="is damaged.*delete it") as told:
        assert [entry.key for entry in store.entries()] == keys[:1]
    assert str(file) in str(told[0].message)
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert store.find("study").key == keys[0], "the newest of that name may be another"
    with pytest.warns(RuntimeWarning), pytest.raises(StorageError, match="is damaged"):
        store.named(keys[1][:8])
    (store.folder / f"{'b' * 16}{ENDING}").write_bytes(b"damaged")
    with pytest.warns(RuntimeWarning, match=r"And 1 more of"):
        store.entries()


def test_a_row_of_the_index_that_lost_a_bit_is_made_anew(store):
    kept = store.keep(Account(), replace(ABOUT, value=12.75, note="as it was"), Labels())
    assert store.entries() == [kept]
    index = store.folder / "index.sqlite"
    content = index.read_bytes()
    for here, there in ((struct.pack(">d", 12.75), struct.pack(">d", 14.75)), (b"as it was", b"as it wax"),
                        (struct.pack(">d", -12.0), struct.pack(">d", -8.0))):
        assert content.count(here) == 1
        index.write_bytes(content.replace(here, there))
        assert store.entries() == [kept]
        assert store.find(kept.key) == kept
    index.write_bytes(content.replace(kept.key.encode(), b"f" * 16))
    assert store.find(kept.key[:6]) == kept
    for here, there in ((b"CREATE TABLE results", b"CREATE TABLF r\xefsults"), (b"tableresults", b"table\xefesults")):
        assert here in content
        index.write_bytes(content.replace(here, there))
        assert store.entries() == [kept], "whatever SQLite's own message holds"


_WRITER = """
import sys
from pathlib import Path
from jesse_nb.core.record.labels import labels_of
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.spec import Account
from tests.record.test_result_store import ABOUT
store = ResultStore(Path(sys.argv[1]))
for number in range(30):
    store.keep(Account(balance=number % 15 + 1), ABOUT, labels_of(sys.argv[2] if number % 2 else "both"))
    store.find("both")
"""


def test_two_processes_keep_results_at_once(store):
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(store.folder), name]) for name in "xy"]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    entries = store.entries()
    assert sorted(entry.name for entry in entries) == ["both"] * 15 + ["x"] * 15 + ["y"] * 15
    assert {store.open(entry.key).balance for entry in entries} == set(range(1, 16))
    assert not list(store.folder.glob(".*.tmp"))


def test_labels_are_checked():
    assert labels_of_words({"tags": ["a", "b"], "note": ["two", "words"]}, "study") \
        == Labels("study", ("a", "b"), "two words")
    for wrong, match in (({"name": "a/b"}, "name is 'a/b'"), ({"name": "x.result"}, "no file"),
                         ({"tags": "two words"}, "one word"), ({"note": "a\nb"}, "one line"),
                         ({"name": "a" * 2_000}, "1,000"), ({"tags": [3]}, "tags is 3")):
        with pytest.raises(InputError, match=match):
            labels_of(**wrong)


@pytest.fixture
def listed(kept):
    store = ResultStore()
    now = time.time()
    for number, (name, kind, symbol, tags, sharpe, days) in enumerate([
        ("old", "backtest", "BTC-USDT", (), 0.5, 20), ("study", "optimize", "ETH-USDT", ("a",), 2.0, 7),
        ("study", "optimize", "BTC-USDT", ("a", "b"), 1.0, 0), ("empty", "check", "BTC-USDT", (), None, 0),
    ]):
        about = replace(ABOUT, kind=kind, symbols=(symbol,), metrics={}, value=float("nan"), metric="")
        if name == "study" and days:
            about = replace(about, verdict="all mine")
        if sharpe is not None:
            metrics = {"sharpe_ratio": sharpe, "total": 10 * number, "max_drawdown": -5.0 * sharpe}
            about = replace(about, metrics=metrics, value=sharpe, metric="Sharpe ratio")
        entry = store.keep(Account(leverage=number + 1), about, labels_of(name, tags))
        stored = read_result(store.folder / f"{entry.key}{ENDING}")
        changed = replace(stored.entry, when=now - days * 86_400 + number)
        write_result(store.folder / f"{entry.key}{ENDING}", StoredResult(changed, stored.content))
    return store


def names(**asked):
    return list(jn.results(**asked)["name"])


def test_results_are_filtered_and_sorted(listed):
    assert names() == ["empty", "study", "study", "old"]
    assert names(kind="optimize") == names(text="STU") == names(tags="a") == ["study", "study"]
    assert names(tags=["a", "b"]) == ["study"]
    assert names(symbol="ETH-USDT") == ["study"]
    assert names(strategy="Trend", limit=1) == ["empty"]
    assert names(strategy="Other") == []
    assert names(metric="sharpe > 0.7, max_drawdown < 6") == ["study"]
    assert names(metric="trades >= 10", sort="sharpe") == ["study", "study"]
    assert names(sort="sharpe") == ["study", "study", "old", "empty"]
    assert names(sort="max_drawdown") == ["old", "study", "study", "empty"]
    assert names(sort="metric") == ["study", "study", "old", "empty"]
    assert names(sort="name") == ["empty", "old", "study", "study"]
    assert names(week="last") == ["study"]
    assert names(week="this") == ["empty", "study"]
    assert jn.results().attrs["kept"] == ""
    monday = pd.Timestamp.now(tz="UTC").normalize() - pd.Timedelta(days=pd.Timestamp.now(tz="UTC").weekday())
    days = [f"{monday - pd.Timedelta(days=days):%Y-%m-%d}" for days in (7, 1)]
    assert jn.results(week="last").attrs["kept"] == f"Kept from {days[0]} to the end of {days[1]}, UTC."
    assert jn.results(since="2026-01-02 03:04").attrs["kept"] == "Kept from 2026-01-02 03:04, UTC."
    assert jn.results(until="2026-01-02 03:04").attrs["kept"] == "Kept to 2026-01-02 03:04, UTC."
    assert names(verdict="LUCK") == []
    assert names(verdict="mine") == ["study"]
    today = pd.Timestamp.now(tz="UTC")
    assert names(since=today - pd.Timedelta(days=10), until=today - pd.Timedelta(days=3)) == ["study"]
    shown = readable_results(jn.results(kind="optimize", limit=1))
    assert shown.loc[0, ["metric", "tags"]].tolist() == ["Sharpe ratio 1", "a b"]
    assert resolve_metric("sharpe").label == "Sharpe ratio"


def test_what_was_asked_is_what_is_shown(kept):
    store = ResultStore()
    for name, calmar, sharpe in (("a", 1.0, 3.0), ("b", 2.0, -1.0), ("c", 3.0, float("nan"))):
        metrics = {"sharpe_ratio": sharpe, "calmar_ratio": calmar, "serenity_index": float("inf"), "total": 40}
        about = replace(ABOUT, kind="optimize", run="held-out", metric="Calmar ratio", value=calmar, metrics=metrics,
                        days=90.0, trades=40.0)
        store.keep(Account(), about, labels_of(name))
    told = readable_results(jn.results(sort="sharpe")).set_index("name")["metric"]
    assert told.to_dict() == {"a": "Sharpe ratio 3 (held-out, 90 days, 40 trades)",
                              "b": "Sharpe ratio -1 (held-out, 90 days, 40 trades)", "c": ""}
    assert told.index.tolist() == ["a", "b", "c"]
    found = jn.results(metric="calmar > 1.5, trades > 10", sort="sharpe")
    assert found[["sharpe", "calmar", "trades"]].fillna(0).to_numpy().tolist() == [[-1, 2, 40], [0, 3, 40]]
    told = readable_results(found)["metric"].tolist()
    assert told[0] == "Sharpe ratio -1, Calmar ratio 2 (held-out, 90 days, 40 trades)"
    told = readable_results(jn.results(sort="metric"))["metric"].tolist()
    assert told[0] == "Calmar ratio 3 (held-out, 90 days, 40 trades)"
    assert jn.results(sort="serenity")["serenity"].isna().all()
    store.keep(Account(), replace(ABOUT, days=12.5, trades=1.0, metric="Calmar ratio", value=9.0), labels_of("few"))
    store.keep(Account(leverage=2), ABOUT, labels_of("none"))
    assert names(sort="trades")[3:] == names(sort="days")[3:] == ["few", "none"], "most first, the unknown last"
    assert readable_results(jn.results("few")).loc[0, "metric"] == "Calmar ratio 9 (12.5 days, 1 trade)"


@pytest.mark.parametrize(("metric", "value", "told"), [
    ("Sharpe ratio", 4.0, [0.5, "held-out"]), ("Sharpe ratio", 0.5, [0.5, "training"]),
    ("mine", 4.0, [None, "held-out or training"]),
])
def test_an_older_study_is_listed_by_the_run_that_its_metrics_are_of(store, metric, value, told):
    """Its value was that of training, whatever its metrics were of."""
    about = replace(ABOUT, kind="optimize", metric=metric, value=value, metrics={"sharpe_ratio": 0.5})
    path = store.folder / f"{store.keep(Account(), about, Labels()).key}{ENDING}"
    mark, line, _, content = path.read_bytes().split(b"\n", 3)
    line = line.replace(b'"run":"",', b"")
    path.write_bytes(b"\n".join((mark, line, hashlib.blake2b(line, digest_size=16).hexdigest().encode(), content)))
    (entry,) = store.entries()
    assert [None if entry.value != entry.value else entry.value, entry.run] == told


@pytest.mark.parametrize(("asked", "told"), [
    ({"kind": "optimise"}, "kind is 'optimise'. Did you mean 'optimize'"), ({"week": "2026-99"}, "week is"),
    ({"week": "2026-W60"}, "no such week"), ({"metric": "sharpe"}, "no comparison|not a comparison"),
    ({"sort": "sharp"}, "Did you mean"),
    ({"verdict": "likely lukc"}, "verdict is 'likely lukc'. Did you mean 'likely luck'.*Verdicts are: all mine, "),
    ({"verdict": "promising"}, "verdict is 'promising'. .*Verdicts are: "),
    ({"since": "then"}, "since"), ({"limit": 0}, "limit is 0"),
])
def test_what_is_asked_wrongly_is_told(listed, asked, told):
    with pytest.raises(InputError, match=told):
        jn.results(**asked)
