"""Questions about a dataset: `fgbg-data verify` and `stats`.

In: the folder of a dataset. Out: a report of what is wrong, a table of its fields.
"""
