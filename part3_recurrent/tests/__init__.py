"""The tests of part 3: probes use the learner's code, oracles compute what is right, strategies draw the problems."""
