"""The gate and the history measured on themselves."""
