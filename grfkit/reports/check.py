"""Find reports that are out of date by content, which make cannot see: it compares only the times of files.

In: a folder of reports, the hash of the study file. Out: a line for each reason. Such reports get a very old time, so
that make makes them, and all that depends on them, again.
"""

import os
from pathlib import Path

from markupsafe import escape

from grfkit.study import by_hand, record

LONG_AGO = 86_400  # s since 1970: older than any file that make compares with


def check(reports, *, study_sha256):
    """Compare the reports of a study with what they were made from, and mark the outdated ones as old; returns lines.

    Until make has run, the old reports can still be read.
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
    """Mark a report as old if it was made with studies other than `others`, so that make runs it again."""
    noted = record.read(reports, stem).get("parameters", {}).get("others", {})
    if sorted(noted) != sorted(others):
        _make_old(Path(reports) / f"{stem}.html")


def _record_again(reports, noted):
    """Have make record virtual recordings again that were changed; it never touches a user's own recordings."""
    folder = (reports / noted.get("recordings", {"folder": "."})["folder"]).resolve()
    ours = noted["simulated"] and folder.name == "recordings" and folder.parent.parent == reports.resolve().parent
    if ours and record.recordings_differ(reports, noted):
        _make_old(folder / "trials.csv")


def _tells_of_results_by_hand(reports):
    """Tell whether the index, if there is one, lists exactly the results by hand that exist."""
    index, lines = reports / "index.html", by_hand.lines(reports)
    page = index.read_text(encoding="utf-8") if index.is_file() else ""
    return page.count('<li class="by-hand">') == len(lines) and all(str(escape(line)) in page for line in lines)


def _make_old(path):
    if path.is_file():
        os.utime(path, (LONG_AGO, LONG_AGO))
