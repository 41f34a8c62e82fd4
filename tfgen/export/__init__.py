"""Export of models: `.keras` files for any Keras, a SavedModel for TensorFlow Serving and C."""

from tfgen.export.keras_files import save_keras_files
from tfgen.training.savedmodel import export_savedmodel

__all__ = ["export_savedmodel", "save_keras_files"]
