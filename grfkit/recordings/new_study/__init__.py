"""A folder of recordings -> a proposed study file and table of trials, with blanks for what the files do not show.

In: C3D files, or TRC files and their forces; they are only read. Out: params/NAME.yaml and params/NAME_trials.csv;
existing files are never overwritten.
"""
