"""Files as other programs write them: the bytes of C3D files, the cells of typed tables, formats that are not read.

In: the path of a file, which is only read. Out: its checked content, or what the file is and what to do with it.
What the content means for a runner is found in `recordings`.
"""
