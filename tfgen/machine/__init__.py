"""What the machine is, and how TensorFlow starts on it."""
