"""Forces from points alone: recordings without force plates, and streams of frames.

In: points (F, 11, 3) m at a rate in Hz, and a model folder. Out: footsteps, force curves with their bands, centres of
pressure. No estimate here uses a measured force. Pages and plots are in `reports`, accuracy in `evaluation`.
"""
