"""A fleet of gunicorn workers that serve the demo site and share what they learn."""
