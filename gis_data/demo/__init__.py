"""The demonstration city, grown step by step from one seed: plan, terrain, streets, network, quarters, transit, places."""
