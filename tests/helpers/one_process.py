"""The functions that read and make datasets, in one process: workers would take longer to start than small datasets."""

import functools

import fgbg_data

convert = functools.partial(fgbg_data.convert, jobs=1)
merge = functools.partial(fgbg_data.merge, jobs=1)
relabel = functools.partial(fgbg_data.relabel, jobs=1)
resplit = functools.partial(fgbg_data.resplit, jobs=1)
stats = functools.partial(fgbg_data.stats, jobs=1)
verify = functools.partial(fgbg_data.verify, jobs=1)
