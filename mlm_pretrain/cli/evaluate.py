"""`mlm-pretrain evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlm_pretrain.cli.output import Json, finish


def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of a model with a language-modelling head.")],
    data: Annotated[
        str,
        typer.Option(
            help="Folder that `prepare` wrote (its validation split), or a corpus to cut now."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for metrics.json. [default: --model]")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Window in tokens for a corpus. [default: the model's, up to 512]"),
    ] = None,
    mask_ratio: Annotated[
        float, typer.Option(help="Share of tokens to predict (masked models).")
    ] = 0.15,
    seed: Annotated[int, typer.Option(help="Seed of the fixed masks.")] = 0,
    batch_size: Annotated[
        int, typer.Option(help="Rows at a time; does not change the result.")
    ] = 32,
    limit_rows: Annotated[int | None, typer.Option(help="Stop after so many rows.")] = None,
    precision: Annotated[
        Literal["auto", "bf16", "fp32"], typer.Option(help="auto: bf16 where the hardware has it.")
    ] = "fp32",
    as_json: Json = False,
) -> None:
    """Loss on fixed masks, weighted by tokens, with perplexity and bits a byte.

    The masks depend on the seed and the example alone, so two models with one tokenizer are compared
    on the same predictions. A decoder gets its next-token loss instead.
    """
    from mlm_pretrain.evaluation.perplexity import evaluate as run_evaluate

    out = out if out is not None else model
    result = run_evaluate(
        model, data, max_length=max_length, mask_ratio=mask_ratio, seed=seed,
        batch_size=batch_size, limit_rows=limit_rows, precision=precision, out=out,
    )  # fmt: skip
    bits = result["bits_per_byte"]
    lines = [
        f"loss {result['loss_nats']:.4f} nats a token, perplexity {result['perplexity']:.2f}"
        + (f", {bits:.4f} bits a byte" if bits else ""),
        f"over {result['predicted_tokens']:,} predicted of {result['tokens']:,} tokens "
        f"({result['split']} split, windows of {result['max_length']})",
        f"wrote {out}/metrics.json",
    ]
    finish(result, as_json, lines)
