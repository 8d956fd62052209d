"""nbgrader's settings for the course; in this folder: `nbgrader generate_assignment 1_stance`, `... autograde ...`."""

import atexit
import re
import warnings
from pathlib import Path

import nbgrader
from sqlalchemy.exc import SAWarning

from grfkit.course.build import say_misnamed
from grfkit.reports.html import markdown

COURSE = Path(__file__).resolve().parent
TEMPLATES = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"


def seconds(cell):
    """Give the time (s) after which a cell is stopped: an endless loop of one student must not hold up the others.

    Our choice: the cell `data` records the virtual runners where they are missing, up to two minutes, and networks
    train half a minute; all others take up to 4 s on a busy machine.
    """
    slow = cell.metadata.get("nbgrader", {}).get("grade_id") == "data" or "course_network." in cell.source
    return 300 if slow else 60


def named(page):
    """Write the name of each exercise into the list at the top of a feedback page, where nbgrader writes `Test cell`.

    The list's links hold the names: <a href="#contacts-check">Test cell</a>.
    """
    return re.sub(r'(<a href="#([^"]+)-check">)Test cell</a>', r"\1Exercise \2</a>", page)


c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "grfkit"
c.CourseDirectory.root = str(COURSE)
c.CourseDirectory.release_directory = "student"
c.ExecutePreprocessor.timeout_func = seconds
# Feedback is whole without network: formulas as MathML in place of a script
c.HTMLExporter.filters = {"markdown2html": markdown, "named": named}
c.HTMLExporter.extra_template_basedirs = [str(COURSE / "templates"), str(TEMPLATES)]
c.HTMLExporter.template_file = "named.html.j2"  # our page extends nbgrader's
warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own calls of its database; grades are right
# At the end, once (nbgrader reads this file several times), where its own traceback is above it
atexit.unregister(say_misnamed)
atexit.register(say_misnamed, COURSE)
