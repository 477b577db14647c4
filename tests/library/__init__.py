"""The app whose models the tests use."""
