"""Contract suites for people who add a shard format or a depth estimator.

In: your implementation, as a pytest fixture. Out: tests that it must pass.
"""
