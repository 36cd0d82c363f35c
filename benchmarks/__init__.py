"""Benchmarks: one module per promise in README's performance table. `measure()` returns figures with units, the ceiling
measured in the same run, and the processor. `likeness` compares the simulated city with real ones; names that begin with _ are
its parts."""
