"""Programs that measure tfgen beside other ways to do the same; run from the repository's root with `python -m`."""
