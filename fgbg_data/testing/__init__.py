"""Contract suites for people who add a shard format, a depth estimator or a field (extra `testing`).

In: your implementation, given to a subclass of a suite. Out: tests that it must pass.
"""

from fgbg_data.testing.estimators import EstimatorContract
from fgbg_data.testing.fields import FieldContract
from fgbg_data.testing.shards import ShardContract

__all__ = ["EstimatorContract", "FieldContract", "ShardContract"]
