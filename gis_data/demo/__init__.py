"""The demonstration city, grown step by step from one seed: plan, terrain, streets,
network, quarters, buildings, transit, underpasses, places and what they hold, and the scenery that only the map shows."""
