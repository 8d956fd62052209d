"""Faults of points as files and other programs give them.

In: points of a recording. Out: the same points, NaN where they were not seen, or an error that says what is wrong. No
file is read here.
"""
