"""Properties of the machine, and the start of TensorFlow on it."""
