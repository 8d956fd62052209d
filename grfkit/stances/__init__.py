"""Recordings -> checked stances in the touchdown frame, split by runner.

In: a table of trials and the study's Preprocessing. Out: stances and frames as in DESIGN's 01_preprocess, and the
reason of each exclusion. Nothing here estimates.
"""
