"""The tests of part 5: probes use the learner's code, oracles know the answers, strategies draw the problems."""
