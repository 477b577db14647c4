"""The rows of the table, in its order."""

TITLES = {
    "S": "the story's dashboard: 61 accounts, 50 and 5,000 transactions each",
    "W": "3,000 rows that point to 8 and 200 rows of 20 columns; 3 columns read",
    "J": "1,000 rows, 3 foreign keys that no two rows share",
    "N": "1,000 rows, nothing loaded lazily",
    "O": "one row by get(), nothing loaded lazily",
    "F": 'auto() with MODE "off", one call',
    "H": "requests of 1, 10 and 100 queries, with QueryCountMiddleware",
    "P": "cold: 1,000 rows, 3 foreign keys",
    "T": "the top 5 of 5,000 rows, for 60 parents",
    "C": "count(), exists(), aggregate() for 1,000 parents",
    "Q": "1,000 derived querysets, consumed once each",
    "D": "3 nested to-many levels, 2 children a parent, a foreign key at each",
    "M": "memory: call sites of 20 paths each, and what stays of a large result",
    "X": "threads at one call site, 100 rows with 3 foreign keys an evaluation",
}
