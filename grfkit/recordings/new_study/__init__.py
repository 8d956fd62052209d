"""A folder of recordings -> a proposed study file and table of trials, with blanks where only a person knows.

In: C3D files, or TRC files and their forces, only read. Out: params/NAME.yaml and params/NAME_trials.csv, never
written over.
"""
