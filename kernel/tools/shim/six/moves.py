"""Stands in for the package six, of which the bitfield generator uses this one name."""

range = range
