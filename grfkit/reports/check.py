"""What make cannot see, because it goes by times of files: reports whose contents fit no more.

In: a folder of reports, the hash of the study file. Out: a line on each reason; the reports get so old a time that make
makes them, and what depends on them, again.
"""

import os
from pathlib import Path

from markupsafe import escape

from grfkit.study import by_hand, record

LONG_AGO = 86_400  # s since 1970: older than any file that make compares with


def check(reports, *, study_sha256):
    """Compare the reports of a study with what they were made of; make what fits no more old. Returns lines.

    Till make has run, the old reports can be read.
    """
    reports = Path(reports)
    entries = record.statuses(reports, study_sha256=study_sha256)
    for entry in entries:
        if entry["why"]:
            _make_old(reports / f"{entry['stem']}.html")
            _record_again(reports, entry["record"])
    found = record.why_lines(entries)
    if found or not _tells_of_results_by_hand(reports):
        _make_old(reports / "index.html")
    return found


def make_old_without(reports, stem, others):
    """Make a report old that names other studies than `others`, so that make runs it again."""
    noted = record.read(reports, stem).get("parameters", {}).get("others", {})
    if sorted(noted) != sorted(others):
        _make_old(Path(reports) / f"{stem}.html")


def _record_again(reports, noted):
    """Have make record again what it recorded itself, where that was touched; nobody's own recordings."""
    folder = (reports / noted.get("recordings", {"folder": "."})["folder"]).resolve()
    ours = noted["simulated"] and folder.name == "recordings" and folder.parent.parent == reports.resolve().parent
    if ours and record.recordings_differ(reports, noted):
        _make_old(folder / "trials.csv")


def _tells_of_results_by_hand(reports):
    """Say whether the index, if there is one, tells of the results by hand that there are, and of no others."""
    index, lines = reports / "index.html", by_hand.lines(reports)
    page = index.read_text(encoding="utf-8") if index.is_file() else ""
    return page.count('<li class="by-hand">') == len(lines) and all(str(escape(line)) in page for line in lines)


def _make_old(path):
    if path.is_file():
        os.utime(path, (LONG_AGO, LONG_AGO))
