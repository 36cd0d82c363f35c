"""Detectors: what is odd about a series right now, each file one idea; `registry` lists them, `forecasting.anomalies` decides."""
