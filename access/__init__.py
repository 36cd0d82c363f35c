"""Access: who may sign in, and which acts need a second person. Deciders, and acts in the house's way."""
