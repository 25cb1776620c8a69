"""A dataset is shown to a person: `fgbg-data preview` and `view`.

In: the folder of a dataset. Out: contact sheets, and a page for the browser.
"""
