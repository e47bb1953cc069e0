"""Which tokens are masked and what stands in their place: one file a question.

`config`: the settings.
`rows`: the whole, from rows of ids to what the model sees and labels; and single tokens.
`line`: the rows of a batch one behind another, and the numbers drawn for them.
`amount`: how many tokens of a row.
`words`: whole words.
`spans`: spans and n-grams of words.
`adaptive`: tokens the model finds hard, more often.
"""
