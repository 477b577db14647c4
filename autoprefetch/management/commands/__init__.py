"""Management: `manage.py autoprefetch`, for what is known beyond one process."""
