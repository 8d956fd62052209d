"""The page of the benchmark: anybody's estimates beside those of this study.

In: tables of grfkit.evaluation.score. Out: a folder with a page and its tables. Nothing is judged here.
"""
