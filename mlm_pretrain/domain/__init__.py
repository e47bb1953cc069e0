"""Measure before adapting."""
