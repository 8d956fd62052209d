"""Estimates -> files of the programs in which people go on: OpenSim (MOT and ExternalLoads), and C3D.

In: one recording (recordings.discover.Found), the rows of its steps and curves, and the runner's mass. Out: files that
are whole, in the axes and on the clock of the recording. Nothing here estimates anything; docs/formats.md is the page
for users.
"""
