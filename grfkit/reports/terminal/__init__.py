"""The command `grfkit estimate`: what is typed in a terminal, and what it answers.

In: the options of the command line. Out: a folder of page, tables and files of other programs, and ten lines of text.
Nothing here estimates anything.
"""
