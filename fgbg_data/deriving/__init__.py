"""A dataset is made of datasets: `fgbg-data convert`, `merge` and `split`.

In: folders of datasets. Out: a complete dataset folder, and its manifest.
"""
