"""How good the estimates are, on runners left out: what notebooks 08 to 13, bench and explore show.

In: stances, estimates, models. Out: tables of errors. Nothing here plots or writes a page.
"""
