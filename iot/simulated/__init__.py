"""The simulated city: what its devices measure, where its units drive, what its people call about.

Everything is a function of seed, place and time: asked twice, answered alike, whether for the live city or for its past.
"""
