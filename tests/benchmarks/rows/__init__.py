"""The rows of the table: one module for those that share their work."""
