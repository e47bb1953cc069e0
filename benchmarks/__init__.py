"""Measurements against the stock libraries, each leaving a record in results/."""
