"""What comes next: models, calibrated intervals, the choice between them, and the service that keeps forecasts current."""
