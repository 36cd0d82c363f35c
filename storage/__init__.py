"""The memory of the city: the schema and the only SQL. One module per noun; callers pass a psycopg connection."""
