"""Figures: data in, picture out, as plain dictionaries that plotly draws in the browser. Pure."""
