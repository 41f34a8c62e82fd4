"""Recipes: what one run is made of, and a builder's options."""
