"""Forces from points alone: whole recordings without force plates, and streams.

In: points (F, 11, 3) m at a rate in Hz, and a model folder. Out: steps, force curves with their bands, centres of pressure.
Nothing here knows the true force.
"""
