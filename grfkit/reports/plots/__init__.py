"""Figures of notebooks and pages: functions that take Axes and return them.

In: tables and arrays. Out: Axes. Nothing here computes, shows or saves.
"""
