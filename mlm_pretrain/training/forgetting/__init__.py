"""What a model forgets of general text while it learns a domain's, and what is done about it.

`config`: the settings.
`rows`: the rows that are measured, the same each time.
`measure`: the losses of a model on them.
`words`: the same across tokenizers: bits for each byte of hidden words.
`plan`: after which steps it is measured.
`ledger`: what was measured and done, and whether the general loss is within its bound.
`building`: all of it, made ready for a run.
"""
