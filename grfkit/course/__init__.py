"""The lab course: its data, its books and the checks of its exercises.

In: the study params/course.yaml, the sessions in course/source, a student's functions. Out: the students' book, the
solved book, hints. No number of a study is made here, and nothing in grfkit but the command line imports this room.
"""
