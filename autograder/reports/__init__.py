"""Reports of a result: on the terminal and as a JSON record."""
