"""What every back end promises, one file a subject."""
