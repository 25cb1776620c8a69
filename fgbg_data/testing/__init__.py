"""Contract suites for people who add a shard format or a depth estimator (extra `testing`).

In: your implementation, given to a subclass of a suite. Out: tests that it must pass.
"""

from fgbg_data.testing.estimators import EstimatorContract
from fgbg_data.testing.shards import ShardContract

__all__ = ["EstimatorContract", "ShardContract"]
