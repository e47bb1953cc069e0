"""Classification as a masked language model does it: the label is the word that fills a gap.

"a moving story . It was [MASK] ." asks for "great" or "terrible". Nothing new has to be learned but which
word stands for which label, so that few labelled texts go further than with a head drawn at random (Schick &
Schütze 2021, "Exploiting cloze questions for few shot text classification and natural language inference").

B texts, H hidden, V vocabulary, C labels.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, ClassVar

from mlm_pretrain.corpus.shown import listing
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.classification import Classification
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.data import TextExample
from mlm_pretrain.finetune.gap import answer_at_gap
from mlm_pretrain.finetune.unused import OF_CLOZE
from mlm_pretrain.finetune.windows import shortened

_LEAST_ROOM = 8  # tokens for the text, beside the template
_FORM = "write it as '{text} It was {mask}.', or '{text}? {mask}, {text_pair}' for pairs"


class Cloze(Classification):
    """One label for a text (or a pair), told by the word that the model puts into the template's gap.

    The loss is the cross-entropy over the labels, each with the mean logit of its words. What is saved is
    an ordinary masked language model.
    """

    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    unused = OF_CLOZE

    def __init__(self, config: FinetuneConfig) -> None:
        super().__init__(config)
        self.needs_offsets = True

    def learn(self, train: Sequence[TextExample]) -> None:
        super().learn(train)
        self.template = self.config.template or default_template(self.paired)
        check_template(self.template, self.paired)
        self.words = self.config.words or {label: [label] for label in self.labels}
        without = [label for label in self.labels if not self.words.get(label)]
        if without:
            raise InputError(
                f"words: none for {listing(without)}",
                f"name one for each of {listing(self.labels)}",
            )

    def adapt(self, skeleton: Any, tokenizer: Any) -> dict[str, Any]:
        if tokenizer.mask_token_id is None:
            raise InputError(
                f"{self.config.model}: its tokenizer has no mask token, so there is no gap to fill",
                "give a masked language model, or use `finetune sentiment`",
            )
        self.mask = int(tokenizer.mask_token_id)
        self.word_ids = [
            [word_id(word, self.template, tokenizer) for word in self.words[label]]
            for label in self.labels
        ]
        return {"template": self.template, "words": {n: self.words[n] for n in self.labels}}

    def attach(self, model: Any, fresh: Sequence[str]) -> None:
        """Let the model give logits of the labels (B, C) instead of the vocabulary's."""
        prefix = model.base_model_prefix + "."
        head = [name for name in fresh if not name.startswith(prefix)]
        if head and not self.config.random_weights:
            raise InputError(
                f"{self.config.model}: has no masked-language head ({head[0]} is not in it)",
                "give a model as `mlm-pretrain pretrain` and `export` leave it, or use `finetune sentiment`",
            )
        answer_at_gap(model, self.mask, self.word_ids)

    def rows(self, examples: Sequence[TextExample], tokenizer: Any, max_length: int) -> Any:
        texts = self._filled(examples, tokenizer, max_length)
        return tokenizer(texts, truncation=True, max_length=max_length, verbose=False)

    def _filled(
        self, examples: Sequence[TextExample], tokenizer: Any, max_length: int
    ) -> list[str]:
        """Templates with the texts in them, which are cut so that the gap is never."""
        mask = tokenizer.mask_token
        template = gap_template(self.template, tokenizer)
        empty = tokenizer(template.format(text="", text_pair="", mask=mask))["input_ids"]
        room = max_length - len(empty) - 2  # a blank before or behind may be a token
        if room < _LEAST_ROOM:
            raise InputError(
                f"max_length: {max_length} tokens, {len(empty)} of them the template's",
                "raise max_length, or shorten the template",
            )
        sides = [[e.text for e in examples]]
        if self.paired:
            sides.append([str(e.text_pair) for e in examples])
        limit = room // len(sides)
        cut = [shortened(_without(mask, side), tokenizer, limit) for side in sides]
        self.counts["cut_texts"] += sum(number for _, number in cut)
        fields = [
            dict(zip(("text", "text_pair"), row, strict=False))
            for row in zip(*(t for t, _ in cut), strict=True)
        ]
        return [template.format(mask=mask, **of_one) for of_one in fields]


def _without(mask: str, texts: Sequence[str]) -> list[str]:
    """A text about masks holds no gap of ours."""
    return [text.replace(mask, " ") for text in texts]


def default_template(paired: bool) -> str:
    """Of a text an opinion, of a pair a relation (both as in the paper)."""
    return "{text}? {mask}, {text_pair}" if paired else "{text} It was {mask}."


def check_template(template: str, paired: bool) -> None:
    """Refuse a template without its gap or texts, or with fields that nothing fills."""
    wanted = sorted(["mask", "text", *(["text_pair"] if paired else [])])
    try:
        found = sorted(
            name for _, name, _, _ in string.Formatter().parse(template) if name is not None
        )
    except ValueError as error:
        raise InputError(f"template: '{template}': {error}", _FORM) from None
    if found != wanted:
        shown = ", ".join(f"{{{name}}}" for name in wanted)
        raise InputError(f"template: '{template}': has to hold {shown}, each once", _FORM)


def gap_template(template: str, tokenizer: Any) -> str:
    """The template for the mask: without the blank before it where that would be a token of its own.

    A word takes the blank into its token; some tokenizers' masks do not.
    """
    with_blank, without = (
        tokenizer.tokenize(f"a{blank}{tokenizer.mask_token}") for blank in (" ", "")
    )
    is_token = len(with_blank) > len(without)
    return template.replace(" {mask}", "{mask}") if is_token else template


def word_id(word: str, template: str, tokenizer: Any) -> int:
    """The token that stands in the template's gap when `word` fills it.

    Raises:
        InputError: for a word of several tokens, or of one that stands for any unknown word.
    """
    for_mask = gap_template(template, tokenizer)
    with_word, with_mask = (
        tokenizer(form.format(text="", text_pair="", mask=filler))["input_ids"]
        for form, filler in ((template, word), (for_mask, tokenizer.mask_token))
    )
    gap = with_mask.index(tokenizer.mask_token_id)
    rest = with_word[:gap], with_word[gap + 1 :]
    shown = " ".join(tokenizer.tokenize(f" {word}"))
    if rest != (with_mask[:gap], with_mask[gap + 1 :]):
        raise InputError(
            f"words: '{word}' is no one token of this model's ({shown})",
            "name a word that its vocabulary has",
        )
    found = int(with_word[gap])
    if found == tokenizer.unk_token_id:
        raise InputError(f"words: '{word}' is unknown to this model", "name a word it knows")
    return found
