"""The stable face of the queue, and its housekeeping."""
