"""From messages to rows: parse (pure), judge (pure), and the service that stores before it acknowledges."""
