"""The queue's public API, and its maintenance."""
