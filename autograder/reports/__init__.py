"""What is shown of a result: on the terminal and as a JSON record."""
