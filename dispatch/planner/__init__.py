"""The planner: the process that says who should go, looks at what changes, and plans again."""
