"""What learns in a run, when, and how fast: one file a question.

`config`: the settings.
`choosing`: layers and embeddings that are left as they are.
`rows`: rows of a table that learn at rates of their own.
`lora`: a low-rank change in place of the matrices.
`learner`: what changes at a moment of the run.
`beginning`: all of it, made ready for a model.
`adapters`: the change as a folder of peft's, and several of them on one model.
"""
