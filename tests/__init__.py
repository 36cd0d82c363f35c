"""The tests, one folder a package. A package itself, because a library brings one of this name along."""
