"""Channels: the ways on which notices leave the house, one module each, entered in `registry`."""
