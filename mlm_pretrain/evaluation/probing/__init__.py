"""What a frozen model's vectors and likelihoods tell of it, without fine-tuning: seconds in place of minutes.

tasks.py        labelled sets, read and checked
vectors.py      texts → sentence vectors, of an exported model and of one in training alike
linear.py       a linear model on the vectors
neighbours.py   the labels of the nearest vectors
similarity.py   their cosine beside how alike people find two texts
grammar.py      a sample of minimal pairs
shape.py        in how many directions the vectors lie
suite.py        all of them, on a model as it is
"""
