"""Names, order and roles of the special tokens of each family of tokenizers."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import AddedToken


def sentinel_tokens(count: int) -> list[AddedToken]:
    """<extra_id_0> and on (T5's names), each of which may stand for a span of text."""
    return [AddedToken(f"<extra_id_{n}>", special=True, normalized=False) for n in range(count)]


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Special tokens by role. `ordered` gives their ids: the first token has id 0.

    `mask_takes_space`: the mask swallows the white space before it. Tokenizers that write the
    space into the following token need this, or "is <mask>." would hold a stray space token that
    no training text has.
    """

    ordered: tuple[str, ...]
    unk: str
    pad: str
    cls: str
    sep: str
    mask: str
    bos: str | None = None
    eos: str | None = None
    mask_takes_space: bool = False

    @property
    def roles(self) -> dict[str, str]:
        """Role in the Hugging Face sense ("mask_token", …) to token, leaving out unset roles."""
        names = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
        tokens = {f"{name}_token": getattr(self, name) for name in names}
        return {role: token for role, token in tokens.items() if token is not None}

    def added_tokens(self) -> list[AddedToken]:
        """The tokens in the order of their ids, as the tokenizers library wants them."""
        return [
            AddedToken(token, special=True, normalized=False, lstrip=self.takes_space(token))
            for token in self.ordered
        ]

    def takes_space(self, token: str) -> bool:
        """Whether `token` swallows the white space before it."""
        return self.mask_takes_space and token == self.mask

    def id_of(self, token: str) -> int:
        """The id of a special token."""
        return self.ordered.index(token)


BERT = SpecialTokens(
    ordered=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    unk="[UNK]",
    pad="[PAD]",
    cls="[CLS]",
    sep="[SEP]",
    mask="[MASK]",
)

# RoBERTa's ids 0 to 3. Its mask sits at the very end of the vocabulary; here it is 4, so that the
# ids of all special tokens are the same for every vocabulary size.
ROBERTA = SpecialTokens(
    ordered=("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    unk="<unk>",
    pad="<pad>",
    cls="<s>",
    sep="</s>",
    mask="<mask>",
    bos="<s>",
    eos="</s>",
    mask_takes_space=True,
)
