"""Service halls: what their events say is so, and the figures that follow. Values in, values out."""
