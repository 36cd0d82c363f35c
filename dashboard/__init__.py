"""What a screen does: the server of the pages, the live frames, the questions and the acts."""
