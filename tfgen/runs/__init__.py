"""One run: its folder, and the job that fills it."""
