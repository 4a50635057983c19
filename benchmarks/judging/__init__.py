"""Judging figures: statistics over records, as pure functions."""
