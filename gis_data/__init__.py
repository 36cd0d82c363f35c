"""The map: layers, coordinate systems, travel times, basemap tiles, and the demonstration city."""
