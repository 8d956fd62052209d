"""Estimates -> files for other programs: OpenSim (MOT and ExternalLoads), and C3D.

In: one recording (recordings.discover.Found), the rows of its steps and curves, and the runner's mass. Out: complete
files, in the axes and on the clock of the recording. Nothing here estimates anything. Users read docs/formats.md.
"""
