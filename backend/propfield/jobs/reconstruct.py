"""Placeholder until uses/reconstruction.py lands."""
