"""Families of models: each the maths, the probes, the rules, the charts and the scores of its own."""
