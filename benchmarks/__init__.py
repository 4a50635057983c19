"""The performance lab. It may import tubeq; tubeq never imports it."""
