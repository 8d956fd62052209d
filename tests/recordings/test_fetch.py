"""Downloads arrive whole or not at all, and what failed is said: against a local server that can misbehave."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from helpers import ROOT, make

from grfkit import cli
from grfkit.recordings import fetch, trials
from grfkit.study.schema import StudyError

COLUMNS = ["FileName", "Mass"]
NAMES = [f"R{n:02d}/run#{n}.c3d" for n in range(6)]  # an address is not just the name: # has a meaning there


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder; `server.faults` says what goes wrong: a status, `drop once`, `drop`, `spoil`, `crawl`."""

    def do_GET(self):
        name = Path(self.translate_path(self.path)).relative_to(self.directory).as_posix()
        self.server.asked[name] += 1
        fault = self.server.faults.get(name)
        if isinstance(fault, int) or not (Path(self.directory) / name).is_file():
            self.send_error(fault or 404)
            return
        body = (Path(self.directory) / name).read_bytes()
        if isinstance(fault, threading.Barrier):
            with suppress(threading.BrokenBarrierError):
                fault.wait(5)
        half = len(body) // 2
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:half])
        if fault == "drop" or fault == "drop once" and self.server.asked[name] == 1:
            self.close_connection = True
            return
        with suppress(ConnectionError):
            if fault == "crawl":  # and never come to an end
                self.server.crawls.set()
                for start in range(half, len(body) - 1000, 1000):
                    self.wfile.write(body[start : start + 1000])
                    time.sleep(0.005)
                self.server.over.wait(60)
                return
            self.wfile.write(body[half:] if fault != "spoil" else body[half:][::-1])

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.asked, server.faults = Counter(), {}
    server.crawls, server.over = threading.Event(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Keep what is waited between two attempts, without waiting."""
    waited = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return waited


@pytest.fixture
def source(tmp_path):
    """A small public set: six recordings of up to a megabyte and a table."""
    folder = tmp_path / "source"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(hashlib.sha256(name.encode()).digest() * (1000 + 6000 * number))
    (folder / "people.csv").write_text("Subject,FileName,Mass\r\n1,a,60\r\n", encoding="utf-8", newline="")
    return folder


@pytest.fixture
def server(source):
    with serving(source) as server:
        yield server


@pytest.fixture
def run(tmp_path, source, server):
    """Run the command line for a study with that set, return the exit status; `out` is where the files go."""
    content = yaml.safe_load((ROOT / "params" / "rbds.yaml").read_text(encoding="utf-8"))
    content["fetch"] = {"url": server.url, "sums": "set.sha256", "tables": {"people.csv": COLUMNS}}
    (tmp_path / "set.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    lines = [f"{hashlib.sha256((source / name).read_bytes()).hexdigest()}  {name}\n" for name in NAMES]
    (tmp_path / "set.sha256").write_text("".join(lines), encoding="utf-8")

    def command(*arguments):
        return cli.main(["fetch", "--study", str(tmp_path / "set.yaml"), "--out", str(tmp_path / "out"), *arguments])

    return command


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without(source, *names):
    """What must be there: everything but these, and no file of another name."""
    return {name: data for name, data in contents(source).items() if name not in names}


def test_fetch_brings_everything_and_asks_for_nothing_twice(run, out, source, server, capsys):
    assert run() == 0
    assert contents(out) == contents(source)
    assert server.asked == dict.fromkeys([*NAMES, "people.csv"], 1)
    printed = capsys.readouterr().out
    assert printed.startswith("fetch ") and "7 files -> " in printed and "\nNow: make reproduce STUDY=" in printed
    assert run() == 0
    assert set(server.asked.values()) == {1}
    server.faults = dict.fromkeys([*NAMES, "people.csv"], 503)
    assert run() == 0  # nothing is missing, so that the server is of no interest


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_fetch_lets_others_read_what_it_brought(run, out):
    run()
    assert {path.stat().st_mode & 0o444 for path in out.rglob("*") if path.is_file()} == {0o444}


def test_fetch_tries_again_after_a_dropped_connection(run, out, source, server):
    server.faults = {NAMES[4]: "drop once"}
    assert run() == 0
    assert contents(out) == contents(source) and server.asked[NAMES[4]] == 2


def test_fetch_says_what_failed_and_why_and_brings_the_others(run, out, source, server, capsys):
    server.faults = {NAMES[0]: "drop", NAMES[1]: "spoil", NAMES[2]: 503, NAMES[3]: 403}
    (source / NAMES[4]).rename(source / "gone")
    assert run() == 1
    (source / "gone").rename(source / NAMES[4])
    assert contents(out) == without(source, *NAMES[:5])  # no half file, no spoilt one, nothing under a temporary name
    assert [server.asked[name] for name in NAMES[:5]] == [3, 3, 3, 1, 1]  # what will not change is asked for once
    said = capsys.readouterr().err
    assert said.startswith("error: 5 of 7 files did not arrive")
    reasons = [
        "the connection broke",
        "its checksum differs",
        "answers 503",
        "refuses it (403)",
        "does not have it (404)",
    ]
    for why, name in zip(reasons, NAMES, strict=False):
        (line,) = [line for line in said.splitlines() if why in line]
        assert name in line
    assert "Run the command again: it fetches only these files" in said and "Traceback" not in said
    server.faults = {}
    assert run() == 0 and contents(out) == contents(source)
    assert server.asked[NAMES[5]] == 1  # what had arrived is not asked for again


def test_fetch_repairs_a_damaged_file_and_keeps_it_as_it_is_until_a_good_one_came(run, out, source, server):
    run()
    damaged = (source / NAMES[3]).read_bytes()[:-1]
    (out / NAMES[3]).write_bytes(damaged)
    server.faults = {NAMES[3]: "drop"}
    assert run() == 1
    assert contents(out) == contents(source) | {NAMES[3]: damaged}
    server.faults = {}
    assert run() == 0 and contents(out) == contents(source)


def test_fetch_says_in_a_few_lines_that_a_server_cannot_be_reached(run, out, quick, capsys):
    with serving(out.parent) as gone:
        pass
    assert run("--from", gone.url) == 1
    said = capsys.readouterr().err
    assert (
        "7 of 7 files did not arrive" in said and "the server cannot be reached (NewConnectionError): 7 file(s)" in said
    )
    assert len(said.splitlines()) <= 4 and gone.url in said
    assert not out.exists()  # nor an empty folder
    assert sum(quick) <= fetch.AT_A_TIME * 3  # seconds, of which four run at a time; not 3 for each file


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1:80", "http://"])
def test_fetch_says_what_an_address_is(run, url, capsys):
    assert run("--from", url) == 1
    assert "starts with http:// or https://; found" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../a.c3d", "/a.c3d", "a/../../b.c3d", "C:/a.c3d", "..\\a.c3d", "\\\\host\\a.c3d"])
def test_fetch_refuses_a_name_that_leaves_the_folder(tmp_path, name):
    (tmp_path / "list").write_text(f"{'0' * 64}  {name}\n", encoding="utf-8")
    with pytest.raises(StudyError, match="is a path inside the folder"):
        fetch.read_sums(tmp_path / "list")
    with pytest.raises(StudyError, match="is a path inside the folder"):
        fetch.fetch({}, url="http://127.0.0.1", folder=tmp_path, tables={name: ["a"]})


@pytest.mark.parametrize("line", ["a.c3d", f"{'0' * 63}  a.c3d", f"{'0' * 64}", f"md5:{'0' * 64}  a.c3d"])
def test_read_sums_refuses_another_line(tmp_path, line):
    (tmp_path / "list").write_text(line, encoding="utf-8")
    with pytest.raises(StudyError, match="holds lines `SHA-256  name`"):
        fetch.read_sums(tmp_path / "list")


def test_read_sums_says_that_a_list_is_missing(tmp_path):
    with pytest.raises(StudyError, match="nothing does not exist. Make it with: sha256sum"):
        fetch.read_sums(tmp_path / "nothing")


@pytest.mark.parametrize(
    "text", ["<html>Please log in</html>\n", "", "Subject,FileName\n1,a\n", "Subject,FileName,Mass\n1,a,60\n2,b"]
)
def test_fetch_knows_a_table_by_its_columns(run, out, source, server, text, capsys):
    good = (source / "people.csv").read_bytes()
    (source / "people.csv").write_text(text, encoding="utf-8")
    assert run() == 1
    assert "is not a table with the columns FileName, Mass: people.csv" in capsys.readouterr().err
    assert contents(out) == without(source, "people.csv")
    (out / "people.csv").write_text(text, encoding="utf-8")  # the same, already there: someone's own, not written over
    assert run() == 1 and "or is cut off: delete it: people.csv" in capsys.readouterr().err
    (source / "people.csv").write_bytes(good)
    (out / "people.csv").unlink()
    assert run() == 0 and contents(out) == contents(source)


def test_two_fetches_into_one_folder_at_once_do_no_harm(source, server, out, monkeypatch):
    """Both ask for each file before either has it, and each folder is made just before pooch would make it."""

    def too_late(path):
        raise FileExistsError(path)

    monkeypatch.setattr("pooch.core.os.makedirs", too_late)
    sums = {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in NAMES}
    server.faults = {name: threading.Barrier(2) for name in NAMES}
    results = []
    twins = [
        threading.Thread(target=lambda: results.append(fetch.fetch(sums, url=server.url, folder=out))) for _ in range(2)
    ]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert results == [{}, {}] and contents(out) == without(source, "people.csv")
    assert set(server.asked.values()) == {2}


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_an_interrupted_fetch_leaves_no_half_file_and_resumes(run, out, source, server):
    server.faults = {NAMES[5]: "crawl"}
    command = [sys.executable, "-m", "grfkit", "fetch", "--study", out.parent / "set.yaml", "--out", out]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,  # tests in the background of a shell ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert server.crawls.wait(60)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "interrupted: the downloaded files stay" in said and "Traceback" not in said
    left = contents(out)
    assert NAMES[5] not in left and left.items() <= contents(source).items()
    server.faults = {}
    assert run() == 0 and contents(out) == contents(source)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("virtual", "Its recordings are virtual: `make reproduce` makes them"),
        ("own", "Give your own recordings with DATA=DIR"),
    ],
)
def test_fetch_says_which_studies_can_be_fetched(tmp_path, capsys, name, message):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    own = yaml.safe_load((ROOT / "params" / "rbds.yaml").read_text(encoding="utf-8"))
    own.pop("fetch")
    (tmp_path / "params" / "own.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    assert (
        cli.main(["fetch", "--study", str(tmp_path / "params" / f"{name}.yaml"), "--out", str(tmp_path / "out")]) == 1
    )
    said = capsys.readouterr().err
    assert f"{name}.yaml has none" in said and message in said and said.endswith("Studies with one: rbds.\n")
    assert not (tmp_path / "out").exists()


def test_make_fetch_remembers_where_the_files_are(run, source, server, tmp_path):
    """`make reproduce` then reads there; a failed fetch is not remembered; a fetch writes only where it is told to."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    project = tmp_path / "project"
    for name in ("grfkit", "notebooks", "params"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", project)
    for name in ("set.yaml", "set.sha256"):
        shutil.copy(tmp_path / name, project / "params")
    memory = project / "reports" / "set" / "data.mk"
    server.faults = {NAMES[0]: 404}
    done = make(project, "fetch", "STUDY=set")
    assert done.returncode != 0 and NAMES[0] in done.stderr and not memory.exists()
    server.faults = {}
    done = make(project, "fetch", "STUDY=set")
    assert done.returncode == 0 and "Now: make reproduce STUDY=set\n" in done.stdout
    assert contents(project / "recordings" / "set") == contents(source)
    assert '--data "recordings/set"' in make(project, "reproduce", "STUDY=set", "--dry-run").stdout
    done = make(project, "fetch", "STUDY=set", "DATA=other/", f"FROM={server.url}")
    assert done.returncode == 0 and memory.read_text(encoding="utf-8") == "LAST_DATA := other\n"
    shutil.rmtree(project / "other")
    assert make(project, "fetch", "STUDY=set").returncode == 0  # not into the folder remembered
    assert not (project / "other").exists() and memory.read_text(encoding="utf-8") == "LAST_DATA := recordings/set\n"


def test_fetch_reports_the_four_runners_that_are_not_on_a_mirror(rbds, tmp_path, capsys):
    """A server of 22 runners lacks 16 of the 104 published files, and nothing else is wrong."""
    sums = fetch.read_sums(ROOT / "params" / "rbds.sha256")
    assert sums == fetch.read_sums(rbds / "SHA256SUMS") and len(sums) == 104
    with serving(rbds) as mirror:
        status = cli.main(
            ["fetch", "--study", str(ROOT / "params" / "rbds.yaml"), "--out", str(tmp_path), "--from", mirror.url]
        )
    said = capsys.readouterr().err
    absent = [name for name in sums if not (rbds / name).is_file()]
    assert status == 1 and len(absent) == 16 and said.startswith("error: 16 of 105 files did not arrive")
    assert [name for name in sums if name in said] == absent and said.count("(404)") == 1
    table = trials.read_trials(tmp_path, table="rbds")
    assert table.equals(trials.read_trials(rbds, table="rbds"))
    shutil.rmtree(tmp_path)  # 170 MB that pytest would keep for three runs
