"""Notebooks and estimates -> pages that need no network.

In: notebooks, a study, tables of results. Out: HTML pages, and the words on them. Nothing here computes a result.
"""
