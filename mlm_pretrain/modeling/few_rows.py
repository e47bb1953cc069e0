"""Of a table of token vectors, the rows that a training reads.

A few hundred labelled texts hold a few thousand of a vocabulary's tokens. The other rows have a gradient of
zero in every step, and yet an optimizer computes them, and keeps two more numbers for each: of a small model,
or one for a hundred languages, they are most of all weights. Here the rows that are read are weights of their
own, so the others cost nothing, and the result is the same. One thing differs: weight decay does not reach
tokens that are never read, which stay as they were pretrained.

N rows of V are read; H: their width.
"""

from __future__ import annotations

from typing import Any

import torch


class FewRows(torch.nn.Module):
    """Stands in a model for its table of token vectors, and gives of it what is asked.

    Attributes:
        rows: what is trained (N, H).
        table: all (V, H), brought up to date whenever the model leaves training.
    """

    def __init__(self, table: torch.nn.Embedding, ids_N: torch.Tensor) -> None:
        super().__init__()
        self.table = table
        self.rows = torch.nn.Parameter(table.weight.detach()[ids_N].clone())
        place_V = torch.full((table.num_embeddings,), -1)
        place_V[ids_N] = torch.arange(len(ids_N))
        self.register_buffer("ids_N", ids_N, persistent=False)
        self.register_buffer("place_V", place_V, persistent=False)
        padding = -1 if table.padding_idx is None else int(place_V[table.padding_idx])
        self.padding = None if padding < 0 else padding

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors (…, H) of ids (…); in training of those alone that were named."""
        if self.training:
            places = self.place_V[ids]
            return torch.nn.functional.embedding(places, self.rows, self.padding)
        vectors: torch.Tensor = self.table(ids)
        return vectors

    def train(self, mode: bool = True) -> FewRows:
        """As of every module; out of training the table is read, not the rows."""
        if not mode:
            self.write_back()
        return super().train(mode)

    @torch.no_grad()
    def write_back(self) -> None:
        """Bring the table up to date."""
        self.table.weight.index_copy_(0, self.ids_N, self.rows.to(self.table.weight.dtype))


def train_few_rows(model: Any, ids_N: torch.Tensor) -> None:
    """Let the model train the rows of `ids_N` alone, where its table is an ordinary one of no other use.

    Models that answer by words of the vocabulary are left alone: they may read the table for that.
    """
    table = _table(model)
    if table is None or not table.weight.requires_grad:
        return
    ids_N = ids_N[ids_N < table.num_embeddings]  # padding may have none
    places = [(parent, name) for parent, name, child in _children(model) if child is table]
    everywhere = [p for _, p in model.named_parameters(remove_duplicate=False)]
    is_alone = len(places) == 1 and sum(p is table.weight for p in everywhere) == 1
    if not is_alone or len(ids_N) >= table.num_embeddings:
        return
    ((parent, name),) = places
    setattr(parent, name, FewRows(table, ids_N))
    table.weight.requires_grad = False


def train_all_rows(model: torch.nn.Module) -> None:
    """Put the table back, up to date, where `train_few_rows` took it."""
    for parent, name, child in _children(model):
        if isinstance(child, FewRows):
            child.write_back()
            child.table.weight.requires_grad = True
            setattr(parent, name, child.table)


def _children(model: torch.nn.Module) -> list[tuple[torch.nn.Module, str, torch.nn.Module]]:
    """Every module with its name and the one that it stands in."""
    return [(m, name, child) for m in model.modules() for name, child in m.named_children()]


def _table(model: Any) -> torch.nn.Embedding | None:
    """The token vectors that are read, if they are looked up and nothing else."""
    try:
        table, answers = model.get_input_embeddings(), model.get_output_embeddings()
    except (NotImplementedError, AttributeError):  # the library does not know where
        return None
    is_plain = type(table) is torch.nn.Embedding and answers is None
    if not is_plain or table.max_norm is not None or table.sparse or table.scale_grad_by_freq:
        return None
    return table
