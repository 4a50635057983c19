"""What the figures say: statistics over records, pure."""
