"""Flows and diffusion: networks that move noise to data, little by little."""
