"""The tests of part 6: probes use the learner's code, oracles know the answers, strategies draw the problems."""
