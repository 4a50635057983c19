"""Knows numbers, never queues: measuring, judging, keeping and showing."""
