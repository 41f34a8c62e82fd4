"""Variational autoencoders, and the plain autoencoder."""
