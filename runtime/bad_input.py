"""Bad input: something on the command line or in a file is wrong; the command ends with exit code 2 and the sentence."""

from __future__ import annotations


class BadInput(Exception):  # noqa: N818 - what was given, not what broke
    """The message is the sentence to show: the thing, the value, the expectation and the cure."""


class CannotWrite(Exception):  # noqa: N818 - a state of the world, named after it
    """A file could not be written; the message says which, why, and what to do."""
