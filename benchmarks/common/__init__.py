"""Helpers for every part of the lab: git, exit codes, options, progress, statistics."""
