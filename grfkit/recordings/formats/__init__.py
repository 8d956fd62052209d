"""Files as other programs write them: the cells of typed tables, and the names of formats that are not read.

In: the path of a file, which is only read. Out: cells as text, or what the file is and what to do with it.
"""
