"""The simulated city: what its devices measure, who queues in its halls, where its units drive, what its people call about.

Everything is a function of seed, place, time and scenes: asked twice, answered alike, whether for the live city or for its past.
"""
