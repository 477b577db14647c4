"""Where people meet it: what a project puts into its middleware."""
