"""The lab course: its data, its books and the checks of its exercises.

In: the study params/course.yaml, a student's functions. Out: student and solution books, hints.
"""
