"""Stand-ins for the outside world: for the tests of tubeq's users, and for the demo."""
