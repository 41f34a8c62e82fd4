"""Models that stand outside of the package, written with its public names alone: what a plugin's author would write."""
