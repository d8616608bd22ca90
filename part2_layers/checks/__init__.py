"""Checks of part 2 that are not scored: training, benchmarks, README examples, and that known mistakes cost points."""
