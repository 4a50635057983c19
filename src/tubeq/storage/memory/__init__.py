"""The reference model: every promise of the ports in plain dictionaries."""
