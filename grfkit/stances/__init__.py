"""Recordings -> checked stances in the touchdown frame, split by runner.

In: a table of trials and the study's Preprocessing. Out: the stances and frames that 01_preprocess saves, and a reason
for each stance that is left out. Nothing here estimates forces.
"""
