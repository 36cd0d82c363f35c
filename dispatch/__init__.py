"""Who goes: orders from a click to a unit and back, and which units are near."""
