"""Tracks: what rules look at, one module a source; `registry` lists them, `reader` asks the memory for what they are made of."""
