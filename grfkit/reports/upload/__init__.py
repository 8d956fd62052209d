"""A recording is dropped on a page, and its estimate stands under it.

In: a file that somebody drops in a notebook. Out: widgets that show the coach's page of its estimate and hand out its
files, and Voila, which shows that notebook without code. How forces are estimated and what a page says is no matter of
this room.
"""
