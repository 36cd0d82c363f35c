"""Advice to hall managers: which windows to open or turn to other items in the next hours, and what that would do."""
