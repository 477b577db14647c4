"""The one error that the demo shows to people as a message, not as a traceback."""

from __future__ import annotations


class DemoError(Exception):
    """Say what is wrong, where, and what to do about it, for the person who started the demo."""
