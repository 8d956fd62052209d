"""What a person typed, where results are stored, and what they depend on.

In: study and recipe files (YAML), a folder of results. Out: checked parameters, tables, a record of provenance.
Nothing here reads a recording or computes with points.
"""
