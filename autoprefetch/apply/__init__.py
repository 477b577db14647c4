"""Apply: put a plan on a queryset and on what it loaded."""
