"""The process in which files are read may crash, hang or fill the memory; this one goes on."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import CASES, script_environment

from grfkit.points import InputError
from grfkit.recordings import c3d
from grfkit.recordings.formats.reader_process import ReaderDied, call


def test_call_gives_what_the_function_returns_or_raises():
    assert call(sorted, [3, 1, 2], reverse=True) == [3, 2, 1]
    with pytest.raises(ZeroDivisionError):
        call(divmod, 1, 0)
    with pytest.raises(InputError) as caught:
        call(c3d._read, CASES / "15_plate_type_6" / "run.c3d", forward="+x", up="+z", plates=None)
    assert caught.value.advice.startswith("Export it again")


def test_call_serves_many_from_one_process_and_starts_another_after_a_crash():
    first = call(os.getpid)
    assert call(os.getpid) == first != os.getpid()
    with pytest.raises(ReaderDied):
        call(os.abort)
    assert call(os.getpid) not in (first, os.getpid())


def test_call_ends_what_takes_too_long_or_too_much_memory():
    """Of 9.9 s less than a file of no size is given, and more than it is given."""
    begin = time.monotonic()
    for endless in (_spin, _wait):
        with pytest.raises(ReaderDied):
            call(endless, size=-4.95e6)
    assert time.monotonic() - begin < 30
    if sys.platform == "linux":
        with pytest.raises(MemoryError):
            call(bytearray, 8 * 10**9)
        assert call(len, "the process goes on") == 19


def test_call_waits_for_a_process_that_is_given_little_of_the_processor():
    """As on a busy machine: three seconds of the clock, of which it computes in none; it may compute for one."""
    assert call(time.sleep, 3, size=-4.5e6) is None
    assert call(len, "the process goes on") == 19


def _spin():
    while True:
        pass


def _wait():
    time.sleep(60)


def test_each_thread_has_a_process_of_its_own():
    found = []
    threads = [threading.Thread(target=lambda: found.append(call(os.getpid))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*found, call(os.getpid)}) == 3


def test_read_says_which_file_ended_its_process():
    with pytest.raises(InputError, match="reference.c3d cannot be read: .* reader crashed, .* Export it again"):
        c3d.isolated(_crash, CASES / "00_reference" / "reference.c3d")


def _crash(path):
    assert path.is_file()
    os.abort()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems fork")
def test_a_fork_reads_and_leaves_the_processes_of_its_parent_alone(tmp_path):
    """The parent reads in a second thread all the while, whose pipes nobody unlocks in the fork."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, threading, time\n"
        "from grfkit.recordings.formats.reader_process import call\n"
        "pid = call(os.getpid)\n"
        "threading.Thread(target=call, args=(time.sleep, 3)).start()\n"
        "time.sleep(1)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(call(os.getpid) == pid)\n"
        "print(os.waitpid(child, 0)[1], call(os.getpid) == pid)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=script_environment(), timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("0 True\n", "", 0)


def test_read_finds_a_file_from_the_folder_where_the_program_has_moved(tmp_path, monkeypatch):
    call(os.getpid)
    monkeypatch.chdir(CASES / "00_reference")
    assert len(c3d.read("reference.c3d", forward="+x", up="+z").points) == 11


def test_read_names_what_is_no_file(tmp_path):
    for name, what in (("", "is not a file"), ("none.c3d", "does not exist")):
        with pytest.raises(ValueError, match=what):
            c3d.read(tmp_path / name, forward="+x", up="+z")


def test_a_script_without_a_main_guard_reads_and_ends_and_leaves_no_process(tmp_path):
    script = tmp_path / "script.py"
    file = CASES / "00_reference" / "reference.c3d"
    script.write_text(
        "from grfkit.recordings import c3d\n"
        "from grfkit.recordings.formats.reader_process import call\n"
        "import os\n"
        f"recording = c3d.read({str(file)!r}, forward='+x', up='+z')\n"
        "print(len(recording.points), call(os.getpid))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=script_environment(), timeout=120
    )
    assert done.returncode == 0 and not done.stderr
    count, pid = map(int, done.stdout.split())
    assert count == 11
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_is_read_survives_the_way_between_the_processes():
    path = CASES / "00_reference" / "reference.c3d"
    here, there = c3d._read(path, forward="+x", up="+z", plates=None), c3d.read(path, forward="+x", up="+z")
    for name in here.points:
        np.testing.assert_array_equal(here.points[name], there.points[name])
        assert here.points[name].strides == there.points[name].strides  # so that means round alike
    for one, two in zip(here.plates, there.plates, strict=True):
        np.testing.assert_array_equal(one.force, two.force)
        np.testing.assert_array_equal(one.cop, two.cop)
