"""The devices: topics, payloads, the broker connection, simulated devices, replay of real data."""
