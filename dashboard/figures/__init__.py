"""Figures: data in, picture or number out. Pictures are plain dictionaries that plotly draws in the browser; numbers are those of
the city, made of records of the memory. Pure."""
