"""Stands in for the package six: see moves.py."""
