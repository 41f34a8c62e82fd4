"""Autoregressive models: p(x) as a product of the conditionals of single values, exact."""
