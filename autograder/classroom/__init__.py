"""What serves a whole class."""
