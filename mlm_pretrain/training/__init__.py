"""Trainer subclasses (what is computed), callbacks (when), and the run that ties them together."""
