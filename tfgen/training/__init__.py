"""Training: phases, noise, checkpoints, callbacks."""
