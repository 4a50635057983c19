"""Measurements of the gate and of the history themselves."""
