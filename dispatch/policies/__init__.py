"""Dispatch policies: which units to propose, one file each."""
