"""How accurate estimates from points alone are: contacts, forces, uncertainty, degraded recordings, training.

In: recordings with force plates as ground truth. Out: tables of errors, and the trained model.
"""
