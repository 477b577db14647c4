"""Database: an optional app that keeps what is known in a table, with an admin to look at it."""
