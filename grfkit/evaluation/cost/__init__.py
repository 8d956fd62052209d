"""What each step costs on this machine, as ratios to a bare loop.

In: recordings and stances of a study. Out: the rows of notebook bench's tables.
"""
