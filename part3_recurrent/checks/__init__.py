"""Checks of part 3 that are not scored: training, benchmarks, README examples, and that known mistakes cost points."""
