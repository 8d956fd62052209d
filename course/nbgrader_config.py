"""nbgrader's settings for the course; in this folder: `nbgrader generate_assignment 1_stance`, `... autograde ...`."""

from pathlib import Path

import nbgrader

from grfkit.reports.html import markdown

COURSE, NBGRADER = Path(__file__).resolve().parent, Path(nbgrader.__file__).parent

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "grfkit"
c.CourseDirectory.root = str(COURSE)
c.CourseDirectory.release_directory = "student"
c.ExecutePreprocessor.timeout = 300  # s a cell: the first one records the virtual runners where they are missing
# Feedback is whole without network: formulas as MathML in place of a script
c.HTMLExporter.filters = {"markdown2html": markdown}
c.HTMLExporter.extra_template_basedirs = [
    str(COURSE / "templates"),
    str(NBGRADER / "server_extensions" / "formgrader" / "templates"),
]
