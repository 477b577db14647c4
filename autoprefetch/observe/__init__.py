"""Observe: which call site evaluated, what it loaded, which instances are peers, which relations were used."""
