"""WordPiece as BERT uses it: greedy longest match, `##` before pieces inside a word.

The vocabulary is learned by plain byte-pair merges over an alphabet in which a character at the
start of a word and the same character inside a word are two symbols. Its pieces are then written as
WordPiece entries. The WordPiece trainer of the tokenizers library does the same with a prefix, but
numbers its symbols in the order of a hash table, so that its ties fall differently in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokenizer_training.algorithm import Algorithm, Learned, TooFewPiecesError, require_size
from tokenizer_training.alphabet import FEWER_CHARACTERS, Alphabet, choose_alphabet
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.merges import learn_merges
from tokenizer_training.specials import BERT

CONTINUATION = "##"
# Longer words become [UNK] as a whole, unless longer ones were learned from; BERT's own limit.
_MAX_WORD_CHARACTERS = 100
_FIRST_SYMBOL = 0x10000


@dataclass(frozen=True, slots=True, order=True)
class Form:
    """A character at the start of a word, or inside one."""

    inside: bool
    character: str

    @property
    def entry(self) -> str:
        """As it stands in the vocabulary."""
        return CONTINUATION + self.character if self.inside else self.character


def pipeline(config: TokenizerConfig) -> Tokenizer:
    """BERT's normaliser, pre-tokeniser and decoder around an empty model."""
    tokenizer = Tokenizer(models.WordPiece({BERT.unk: 0}, unk_token=BERT.unk))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=not config.cased
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    return tokenizer


def learn(words: dict[str, int], vocab_size: int, config: TokenizerConfig) -> Learned:
    """A WordPiece model of exactly `vocab_size` entries.

    Order of the entries: special tokens, characters, then merges by priority.

    Raises:
        InputError: when the size cannot hold the special tokens and the characters.
        TooFewPiecesError: when the words yield fewer entries.
    """
    alphabet, found = _choose(words, config, vocab_size - len(BERT.ordered))
    known = _within(words, set(alphabet.characters))
    seen = sorted(_count_forms(known))
    fixed = len(BERT.ordered) + len(seen)
    contents = f"{len(BERT.ordered)} special tokens, {len(seen)} characters"
    require_size(vocab_size, fixed, contents, FEWER_CHARACTERS)
    unseen = _unseen(seen, found, pipeline(config))
    entries = _grow(known, seen, unseen, vocab_size - fixed, config)
    if len(entries) < vocab_size - len(BERT.ordered):
        raise TooFewPiecesError(len(BERT.ordered) + len(entries), alphabet.limited)
    vocabulary = {entry: index for index, entry in enumerate([*BERT.ordered, *entries])}
    longest = max(_MAX_WORD_CHARACTERS, config.max_word_characters)
    model = models.WordPiece(vocabulary, unk_token=BERT.unk, max_input_chars_per_word=longest)
    strangers = sum(words.values()) - sum(known.values())
    counts = {"alphabet": len(alphabet.characters), "words_outside_alphabet": strangers}
    return Learned(model, counts)


def _choose(
    words: Mapping[str, int], config: TokenizerConfig, room: int
) -> tuple[Alphabet, Counter[str]]:
    """The alphabet, and the occurrences of every character."""
    forms, found = _count_forms(words), Counter[str]()
    for form, count in forms.items():
        found[form.character] += count
    # One that opens words and stands inside them takes two entries, a Chinese character takes one.
    taken = Counter(form.character for form in forms)
    return choose_alphabet(found, config, room, taken), found


def _within(words: Mapping[str, int], alphabet: set[str]) -> dict[str, int]:
    """The words without a stranger: one unknown character makes a whole word [UNK]."""
    return {word: count for word, count in words.items() if alphabet.issuperset(word)}


def _count_forms(words: Mapping[str, int]) -> Counter[Form]:
    forms: Counter[tuple[bool, str]] = Counter()
    for word, count in words.items():
        forms[False, word[0]] += count
        for character in word[1:]:
            forms[True, character] += count
    return Counter({Form(*form): count for form, count in forms.items()})


def _unseen(seen: Sequence[Form], found: Mapping[str, int], tokenizer: Tokenizer) -> list[Form]:
    """Forms that the words lack but other text may have, of the most frequent characters first.

    Punctuation and Chinese characters never stand inside a word here, so they get no `##` form:
    nothing could reach it.
    """
    present = set(seen)

    def stands_inside(character: str) -> bool:
        pair = tokenizer.normalizer.normalize_str("a" + character)
        return len(tokenizer.pre_tokenizer.pre_tokenize_str(pair)) == 1

    characters = sorted({form.character for form in seen}, key=lambda c: (-found[c], c))
    forms = [Form(inside, character) for character in characters for inside in (False, True)]
    return [
        form
        for form in forms
        if form not in present and (not form.inside or stands_inside(form.character))
    ]


def _grow(
    words: Mapping[str, int],
    seen: Sequence[Form],
    unseen: Sequence[Form],
    room: int,
    config: TokenizerConfig,
) -> list[str]:
    """Entries after the special tokens: seen forms, then unseen forms and merges in `room`.

    Fewer come back when the words run out of pairs.
    """
    pieces = _learn_pieces(words, seen, room, config.min_frequency)
    spare = min(len(unseen), max(room // 2, room - len(pieces)))
    forms = sorted([*seen, *unseen[:spare]])
    return [*(form.entry for form in forms), *pieces[: room - spare]]


def _learn_pieces(
    words: Mapping[str, int], seen: Sequence[Form], limit: int, min_frequency: int
) -> list[str]:
    """Multi-character entries by priority, learned over one private symbol per form."""
    symbols = {form: chr(_FIRST_SYMBOL + index) for index, form in enumerate(seen)}
    initial = {form.character: symbol for form, symbol in symbols.items() if not form.inside}
    inside = str.maketrans({form.character: s for form, s in symbols.items() if form.inside})
    coded = {initial[word[0]] + word[1:].translate(inside): n for word, n in words.items()}
    merges = learn_merges(dict(sorted(coded.items())), list(symbols.values()), limit, min_frequency)
    plain = str.maketrans({symbol: form.character for form, symbol in symbols.items()})
    starts = set(initial.values())
    return [
        ("" if entry[0] in starts else CONTINUATION) + entry.translate(plain)
        for entry in merges.entries
    ]


def frame() -> processors.PostProcessor:
    """`[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, B with token type 1."""
    return processors.TemplateProcessing(
        single=f"{BERT.cls}:0 $A:0 {BERT.sep}:0",
        pair=f"{BERT.cls}:0 $A:0 {BERT.sep}:0 $B:1 {BERT.sep}:1",
        special_tokens=[(t, BERT.id_of(t)) for t in (BERT.cls, BERT.sep)],
    )


ALGORITHM = Algorithm(
    name="wordpiece",
    specials=BERT,
    chunks=str.split,
    pipeline=pipeline,
    learn=learn,
    frame=frame,
    model_inputs=("input_ids", "token_type_ids", "attention_mask"),
)
