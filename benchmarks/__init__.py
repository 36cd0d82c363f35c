"""Benchmarks: one module per promise in README's performance table. `measure()` returns figures with units, the ceiling
measured in the same run, and the processor."""
