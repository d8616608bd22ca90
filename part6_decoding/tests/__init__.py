"""The tests of part 6: probes use the learner's code, oracles compute what is right, strategies draw the problems."""
