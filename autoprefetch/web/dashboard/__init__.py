"""Dashboard: pages for staff that show each call site of the project, what is applied at it, why, and what it saved."""
