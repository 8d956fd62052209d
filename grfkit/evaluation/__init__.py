"""How accurate the estimates are, on left-out runners: the computations of notebooks 08 to 14, bench and explore.

In: stances, estimates, models. Out: tables of errors. Nothing here plots or writes a page.
"""
