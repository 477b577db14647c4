"""Plan: what to load ahead, and how. Pure: no database, no evaluation; values in, values out."""
