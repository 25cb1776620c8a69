"""A dataset is made of sources: `fgbg-data build`.

In: a BuildConfig. Out: a complete dataset folder, and its manifest.
"""
