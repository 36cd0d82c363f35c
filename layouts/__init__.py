"""What a screen looks like: functions that return components, and the words on them. No data access."""
