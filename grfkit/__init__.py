"""grfkit: ground reaction force curves of running from lower-body points (after Zhou et al. 2025).

The folder is the core: arrays in, arrays out, what the paper needs. Rooms beside it hold what goes beyond; each says in its
first lines what goes in and what comes out, and imports only from those above it: study, recordings, stances, virtual,
estimators, field, evaluation, reports, course.
"""

__version__ = "0.1.0"
