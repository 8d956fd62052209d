"""nbgrader's settings for the course; in this folder: `nbgrader generate_assignment 1_stance`, `... autograde ...`."""

from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "grfkit"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.release_directory = "student"
c.ExecutePreprocessor.timeout = 300  # s a cell: the first one records the virtual runners where they are missing
