"""How good is it: metrics, masked loss and perplexity, and what a model fills in."""
