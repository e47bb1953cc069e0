"""Rows for the new entries of an extended tokenizer, in every tensor of a model that has one row an entry.

A new row is made of those of the pieces that the word was cut into before, so that the model begins with
what it knew of the word.

"mean" is their mean, in the output bias too. A new word's score is then the mean of its pieces' scores, whose
exponential is at most the mean of theirs: nothing new can outweigh what it was made of, where rows of zeros
or at random can (Hewitt 2021, "Initializing new word embeddings for pretrained language models"). Scores of
old entries stay what they were.

"weighted" lets longer pieces count for more, by their characters: averages of word vectors serve better when
frequent words count for less (Arora et al. 2017, "A simple but tough-to-beat baseline for sentence
embeddings"), and short pieces are the frequent ones (Zipf 1935), here without counts of a text that nobody
has any more. A mean of vectors that point different ways is shorter than each; the row is brought to the mean
length of its pieces', so that it weighs as much against the position's vector as any other.

V: rows. H: hidden width. K: pieces of a word.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import Extension, read_extension
from mlm_pretrain.progress import say

NewRows: TypeAlias = Literal["mean", "weighted"]
# Rows (K, …) of the pieces → the new row.
Combine: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
_SIGNS = ("##", "Ġ", "▁")
_END = "</w>"


def grow_for(
    source: str, model: Any, tokenizer: Any, own: dict[str, int], way: NewRows = "mean"
) -> bool:
    """Grow `model` where the data's tokenizer is an extension of its own; returns whether it did.

    Args:
        source: where the model came from, for messages.
        tokenizer: the data's, as opened from a folder.
        own: the vocabulary that lies with the model; empty where none does.

    Raises:
        InputError: when the tokenizer extends another vocabulary, or none that is known.
    """
    place = getattr(tokenizer, "name_or_path", "")
    extension = read_extension(place) if place and Path(place).is_dir() else None
    if extension is None or own == tokenizer.get_vocab():
        return False
    if not own:
        raise InputError(
            f"no tokenizer lies with the model {source}, so nobody can tell whether {place} extends it",
            "put the model's own tokenizer beside it",
        )
    if not extension.extends(own):
        raise InputError(
            f"the data's tokenizer {place} extends a vocabulary of {extension.base.entries} entries that is "
            f"not that of the model {source} ({len(own)} entries)",
            f"extend the model's own tokenizer: mlm-pretrain tokenizer extend --tokenizer {source}",
        )
    grow_vocabulary(model, extension, way, tokenizer)
    made = (
        "the mean of its pieces' rows" if way == "mean" else "made of its pieces' rows, by length"
    )
    say(
        f"{source}: {len(extension.tokens):,} new entries beside {extension.base.entries:,}; each new row is "
        f"{made}"
    )
    return True


def grow_vocabulary(
    model: Any, extension: Extension, way: NewRows = "mean", tokenizer: Any = None
) -> None:
    """Give a model of the base vocabulary rows for the new entries, in place.

    Input and output embeddings, output bias and whatever else has one row an entry; what was tied stays
    tied, and `config.vocab_size` follows. Rows that a model has beyond its entries (padding to a multiple of
    64) are used first.

    Args:
        model: of any architecture of transformers.
        tokenizer: the extended one, for the lengths of pieces; needed for "weighted" alone.

    Raises:
        InputError: when the model has fewer rows than the base has entries, or cannot have more.
        ValueError: for "weighted" without a tokenizer.
    """
    rows = len(model.get_input_embeddings().weight)
    if rows < extension.base.entries:
        raise InputError(
            f"the model has {rows} rows, fewer than the {extension.base.entries} entries that were extended",
            "give the model that belongs to the extended tokenizer",
        )
    dimensions = vocabulary_dimensions(model)
    old = {name: tensor.detach().clone() for name, tensor in _tensors(model) if name in dimensions}
    total = extension.new_ids.stop
    if total > rows:
        _resize(model, total, dimensions)
    ways = _combinations(extension, way, tokenizer)
    with torch.no_grad():
        for name, tensor in list(_tensors(model)):
            if name in dimensions:
                _fill(tensor, old[name], dimensions[name], extension, ways)


def _resize(model: Any, total: int, dimensions: dict[str, int]) -> None:
    """Bring every tensor of `dimensions` to `total` rows: as the library does it, then what that leaves."""
    settings = {"mean_resizing": False}  # this would draw rows at random that are filled anyway
    known = inspect.signature(model.resize_token_embeddings).parameters
    known_as = _first_names(model, dimensions)
    try:
        with torch.random.fork_rng(devices=[]):
            model.resize_token_embeddings(
                total, **{n: v for n, v in settings.items() if n in known}
            )
    except NotImplementedError as error:
        raise InputError(f"a {model.config.model_type} cannot grow ({error})") from None
    sized = {name: tensor.shape for name, tensor in _tensors(model) if name in dimensions}
    left = [name for name, shape in sized.items() if shape[dimensions[name]] < total]
    for name in left:
        _replace(
            model, name, _widened(dict(_tensors(model))[name].detach(), dimensions[name], total)
        )
    if left:
        model.tie_weights()
    _part(model, known_as)


def _widened(old: torch.Tensor, dim: int, total: int) -> torch.Tensor:
    rows = old.movedim(dim, 0)
    more = rows.new_zeros(total - len(rows), *rows.shape[1:])
    return torch.cat([rows, more]).movedim(0, dim).contiguous()


def _first_names(model: Any, names: Iterable[str]) -> dict[str, str]:
    """By each name of a tensor the first that it has: equal for names of one tensor."""
    tensors, first = dict(_tensors(model)), dict[int, str]()
    return {name: first.setdefault(id(tensors[name]), name) for name in names}


def _part(model: Any, known_as: dict[str, str]) -> None:
    """Give tensors of their own to names that were not tied and are now: saving would drop all but one.

    The library's way makes one of BERT's two biases even where they are two.
    """
    for name, first in _first_names(model, known_as).items():
        if known_as[name] == name and first != name:
            _replace(model, name, dict(_tensors(model))[name].detach().clone())


def _replace(model: Any, name: str, tensor: torch.Tensor) -> None:
    place, _, attribute = name.rpartition(".")
    owner = model.get_submodule(place)
    is_learnt = isinstance(getattr(owner, attribute), torch.nn.Parameter)
    setattr(owner, attribute, torch.nn.Parameter(tensor) if is_learnt else tensor)


def vocabulary_dimensions(model: Any) -> dict[str, int]:
    """Of each parameter and buffer that has one row an entry, the dimension along which they lie.

    Found by what changes in a model of the same class, without weights, whose vocabulary is larger by one.
    """
    shapes = [dict(_shapes(type(model), _with_entries(model.config, more))) for more in (0, 1)]
    found: dict[str, int] = {}
    for name, before in shapes[0].items():
        after = shapes[1].get(name, before)
        differing = [d for d, size in enumerate(before) if after[d] != size]
        if differing:
            found[name] = differing[0]
    return found


def _with_entries(config: Any, more: int) -> Any:
    changed = copy.deepcopy(config)
    for name in ("vocab_size", "decoder_vocab_size"):
        if getattr(changed, name, None) is not None:
            setattr(changed, name, getattr(changed, name) + more)
    return changed


def _shapes(kind: Any, config: Any) -> Iterator[tuple[str, torch.Size]]:
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        for name, tensor in _tensors(kind(config)):
            yield name, tensor.shape


def _tensors(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers, a tied one under each of its names."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _fill(
    tensor: torch.Tensor, old: torch.Tensor, dim: int, extension: Extension, ways: list[Combine]
) -> None:
    """Write the new rows of one tensor, made of rows of `old`, what it was before."""
    target, rows = tensor.movedim(dim, 0), old.movedim(dim, 0)
    target[: len(rows)] = rows
    for new, combine in zip(extension.new_ids, ways, strict=True):
        target[new] = combine(rows[extension.pieces[new]])


def _combinations(extension: Extension, way: NewRows, tokenizer: Any) -> list[Combine]:
    """For each new entry, how its row comes from those of its pieces."""
    if way == "mean":
        return [_mean for _ in extension.new_ids]
    if tokenizer is None:
        raise ValueError('"weighted" needs the extended tokenizer, for the lengths of pieces')
    special = set(tokenizer.all_special_ids)
    found: list[Combine] = []
    for new in extension.new_ids:
        ids = extension.pieces[new]
        tokens = tokenizer.convert_ids_to_tokens(ids)
        lengths = [
            1 if i in special else _characters(token) for i, token in zip(ids, tokens, strict=True)
        ]
        found.append(_by_length(torch.tensor(lengths, dtype=torch.float32)))
    return found


def _mean(rows: torch.Tensor) -> torch.Tensor:
    return rows.mean(0)


def _by_length(lengths_K: torch.Tensor) -> Combine:
    weights_K = lengths_K / lengths_K.sum()

    def combine(rows: torch.Tensor) -> torch.Tensor:
        weights = weights_K.to(rows).view(-1, *[1] * (rows.dim() - 1))
        row = (weights * rows).sum(0)
        if rows.dim() == 1:  # a bias has no length to correct
            return row
        wanted = (weights_K.to(rows) * rows.flatten(1).norm(dim=1)).sum()
        return row * (wanted / row.norm().clamp(min=1e-12))

    return combine


def _characters(token: str) -> int:
    """Of a piece, without the signs for its place in a word."""
    for sign in _SIGNS:
        token = token.removeprefix(sign)
    return max(1, len(token.removesuffix(_END)))
