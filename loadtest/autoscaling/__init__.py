"""Whether the autoscaler did what its own rules say: sampled live, replayed, asserted.

`sampler` runs as a process of its own (`python -m loadtest.autoscaling`); all else here is pure.
"""
