"""Advise: say what a plan would be as code, and report what was learned, applied and saved."""
