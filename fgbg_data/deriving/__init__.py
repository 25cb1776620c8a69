"""A dataset is made of datasets: `fgbg-data convert`, `merge`, `split` and `relabel`.

In: folders of datasets. Out: a complete dataset folder, and its manifest.
"""
