"""The learner's loop: what is remembered between two runs, hints, and the map of the course."""
