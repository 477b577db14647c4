"""The tables of the benchmarks that are not the bank's."""
