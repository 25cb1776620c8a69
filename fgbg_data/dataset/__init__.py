"""What is on disk: identity, manifest, records, and reading of samples.

In: the folder or URL of a dataset. Out: its description, and samples by number, key or slice.
"""
