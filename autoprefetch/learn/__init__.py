"""Learn: what the recordings of a call site add up to, and where that is kept."""
