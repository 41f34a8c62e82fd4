"""Diagnosis of training: probes measure, rules say in words what the measurements mean, stops act on it."""
