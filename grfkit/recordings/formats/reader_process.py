"""Call functions in a separate process, which may crash, hang or run out of memory without harm to this one.

In: a function of a module and its arguments. Out: what it returns or raises. `ezc3d` trusts a damaged file: it may read
beyond the end of a list, read for ever, or fill the memory, and no check foresees all of that. So files are read in
another process. It starts with the first file, serves many, ends with this process, and is started again after a
crash. Each thread has its own.
"""

import contextlib
import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref

# Processor time. A file needs .05 s for each MB; our choice is forty times more. On a busy machine a call may take BUSY
# times as long, without the file being called damaged.
PATIENCE_S, PATIENCE_S_MB, BUSY = 10, 2, 10
MEMORY_MB, MEMORY_SHARE = 4000, 200  # address space: for Python, and for each MB of a file; ezc3d needs some 60 MB
_own = threading.local()
_of_others = []  # processes that were started by the process from which this one was forked


class ReaderDied(Exception):
    """The process ended before it answered: a crash, too much time, or too much memory."""


def call(function, *arguments, size=0, **options):
    """Call a function in the reader process, for a file of `size` bytes; returns or raises what it does.

    Raises ReaderDied if the process ends before it answers.
    """
    if getattr(_own, "owner", None) != os.getpid() or _own.reader.process.poll() is not None:
        _own.reader, _own.owner = _Reader(), os.getpid()  # a forked process has no reader of its own
    process, answer = _own.reader.process, None
    try:
        pickle.dump((function, arguments, options, size), process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError):
        pass
    finally:
        if answer is None:  # also after Ctrl-C: a late answer must not reach the next call
            process.kill()
            process.wait()
    if answer is None:
        raise ReaderDied
    done, value = answer
    if done:
        return value
    raise value


class _Reader:
    """The process of one thread, which ends with the thread."""

    def __init__(self):
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([sys.executable, "-c", code], **pipes)
        weakref.finalize(self, _stop, self.process, os.getpid())


def _stop(process, owner):
    """End a reader process, but only in the process that started it; a fork has the same pipes and must not touch them.

    In a fork, a lock on them may belong to a thread that does not exist there, so that closing them would never end.
    """
    if os.getpid() != owner:
        _of_others.append(process)
        return
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()
    process.wait()


def serve():
    """Answer calls from the standard input until it ends; runs in the reader process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that asks, and so this one
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not count as an answer
    while True:
        try:
            function, arguments, options, size = pickle.load(calls)
        except EOFError:
            return
        _limit(PATIENCE_S + PATIENCE_S_MB * size / 1e6, MEMORY_MB + MEMORY_SHARE * size / 1e6)
        try:
            answer = True, function(*arguments, **options)
        except Exception as error:
            answer = False, error.with_traceback(None)
        faulthandler.cancel_dump_traceback_later()
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _limit(time_s, memory_mb):
    """Limit the time and, where the system can, the processor's time and the memory of the next call."""
    faulthandler.dump_traceback_later(BUSY * time_s, exit=True)
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_AS: memory_mb * 1e6, resource.RLIMIT_CPU: time.process_time() + time_s + 1}
    for what, most in limits.items():
        _, hard = resource.getrlimit(what)
        with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit
            resource.setrlimit(what, (int(most) if hard < 0 else min(int(most), hard), hard))
