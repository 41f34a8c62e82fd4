"""Models with an exact likelihood, of whatever family: what they have in common."""
