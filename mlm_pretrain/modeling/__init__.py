"""Sizes, attention and heads: what is needed of a model, nothing architecture-specific twice."""
