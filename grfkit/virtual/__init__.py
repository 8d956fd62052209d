"""The virtual laboratory: runners who obey Newton's second law, recorded as C3D files.

In: the section `laboratory` of a study file. Out: C3D files and their table of trials; the same seed gives the same
bytes. Only evaluation, reports, course and the command line import it.
"""
