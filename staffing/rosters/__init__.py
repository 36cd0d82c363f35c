"""Rosters: who works when in the coming days, so that the windows that will be needed have somebody who can do what is asked."""
