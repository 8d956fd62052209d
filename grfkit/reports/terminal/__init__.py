"""The command `grfkit estimate`: reads what was typed in a terminal, and answers.

In: the options of the command line. Out: a folder with a page, tables and files for other programs, and ten lines of
text. Nothing here estimates anything.
"""
