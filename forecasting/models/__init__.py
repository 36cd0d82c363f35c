"""Forecasting models: one file each, one shape, one line in the registry."""
