"""How a segment becomes a source to read and a target to write: one file an idea.

`config`: the settings.
`segment`: a segment's text, and the special tokens at its ends, which stay there.
`infilling`: spans of text behind one mask each.
`disorder`: tokens deleted, sentences in another order, a text that begins in its middle.
`spans`: which tokens lie in spans that are to be written.
`sentinels`: such spans, each behind a token of its own, listed in the target.
`mixture`: kinds of spans drawn for each segment.
`pairs`: the whole, from a segment to its source and target.
"""
