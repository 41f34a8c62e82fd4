"""Diagnosis of training: probes measure a model, rules interpret the measurements, stops end the training."""
