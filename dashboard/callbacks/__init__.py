"""Callbacks: a question or an act comes in, is handed on, its answer goes out. All of them are async: one that blocked would stop every viewer."""
