"""One behavioural suite for every verb of the Storage port, run on every back end."""
