"""Samples -> forces: fit, predict, search hyper-parameters, save.

In: stances as 01_preprocess saves them, and a recipe. Out: estimated forces in body weights, and model folders.
Nothing here scores, plots or reads a recording.
"""
