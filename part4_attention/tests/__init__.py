"""The tests of part 4: probes use the learner's code, oracles know the answers, strategies draw the problems."""
