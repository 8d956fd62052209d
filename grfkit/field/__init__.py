"""Forces from points alone: whole recordings without force plates, and streams.

In: points (F, 11, 3) m at a rate in Hz, and a model folder. Out: footsteps, force curves with their bands, centres of
pressure. Nothing here sees the true force. Not in here: pages and plots (reports), and how good it is (evaluation).
"""
