"""Training a tokenizer: corpus in, tokenizer folder out."""

from __future__ import annotations

import difflib
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mlm_pretrain.claiming import written_whole
from mlm_pretrain.corpus import Audit, fingerprint_corpus, read_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import write_manifest
from mlm_pretrain.progress import progress_bar, say
from tokenizer_training.algorithm import Algorithm, Learned, TooFewPiecesError
from tokenizer_training.algorithms import ALGORITHMS
from tokenizer_training.config import TokenizerConfig
from tokenizer_training.folder import TOKENIZER_FILE, write_tokenizer
from tokenizer_training.sampling import WordSample
from tokenizer_training.specials import sentinel_tokens

STAGE = "tokenizer train"
# Above this share, words that are not learned from are a matter of the language, not of stray data.
_MANY_LONG_WORDS = 0.01
_LONGER_WORDS = "raise max_word_characters (a recipe's `tokenizer.settings`)"


def train_tokenizer(
    corpus: Sequence[str],
    algorithm: str,
    vocab_size: int,
    out: str | Path,
    config: TokenizerConfig | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a tokenizer on `corpus` and write it to `out`.

    Equal corpus, settings and library versions give the same bytes of tokenizer.json in every
    process, whatever its hash seed and number of threads.

    Args:
        corpus: files, folders, globs or named sources, as `read_corpus` takes them.
        algorithm: "wordpiece", "bpe", "byte-bpe" or "unigram".
        vocab_size: exact number of entries, special tokens included.
        out: the folder to write, empty or new unless `overwrite`.
        config: see `TokenizerConfig`.

    Returns:
        `folder`, `algorithm`, `vocab_size`, `sha256` of tokenizer.json, `counts` (what was read,
        sampled, learned and left out, by reason) and `seconds`.

    Raises:
        InputError: for a corpus or folder that cannot be used, a corpus that yields fewer entries
            than asked (naming the feasible size), or a size below the minimum.
    """
    started = time.perf_counter()
    config = config or TokenizerConfig()
    chosen = find_algorithm(algorithm)
    folder = Path(out)
    settings = {"algorithm": algorithm, "vocab_size": vocab_size, **config.model_dump()}
    with written_whole(folder, overwrite) as place:
        tokenizer, counts = learn_tokenizer(corpus, chosen, vocab_size, config)
        inputs = {"corpus": fingerprint_corpus(corpus, config.reading)}
        write_tokenizer(place, tokenizer, chosen, config.model_max_length, config.sentinels)
        write_manifest(place, STAGE, settings, inputs, counts)
    return {
        "folder": str(folder),
        "algorithm": algorithm,
        "vocab_size": tokenizer.get_vocab_size(),
        "sha256": hashlib.sha256((folder / TOKENIZER_FILE).read_bytes()).hexdigest(),
        "counts": counts,
        "seconds": round(time.perf_counter() - started, 2),
    }


def plan_tokenizer(
    corpus: Sequence[str],
    algorithm: str,
    vocab_size: int,
    out: str | Path,
    config: TokenizerConfig | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """What `train_tokenizer` would do, in numbers, without reading text or writing anything.

    Raises:
        InputError: for an unknown algorithm, a corpus that is not there, or an `out` in use.
    """
    config = config or TokenizerConfig()
    find_algorithm(algorithm)
    found = fingerprint_corpus(corpus, config.reading)
    if Path(out).is_file() or (_holds_files(Path(out)) and not overwrite):
        raise InputError(f"{out}: is in use", "choose another --out, or pass --overwrite")
    return {
        "folder": str(out),
        "algorithm": algorithm,
        "vocab_size": vocab_size,
        "corpus_files": found["files"],
        "corpus_bytes_on_disk": found["bytes"],
        "sample_bytes": config.sample_bytes,
        "max_distinct_words": config.max_distinct_words,
    }


def find_algorithm(name: str) -> Algorithm:
    """The algorithm called `name`.

    Raises:
        InputError: listing the names there are, the nearest first.
    """
    if name not in ALGORITHMS:
        near = difflib.get_close_matches(name, ALGORITHMS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(
            f"--algorithm {name}: there is no such algorithm",
            f"{hint}choose one of {', '.join(ALGORITHMS)}",
        )
    return ALGORITHMS[name]


def learn_tokenizer(
    corpus: Sequence[str], algorithm: Algorithm, vocab_size: int, config: TokenizerConfig
) -> tuple[Tokenizer, dict[str, Any]]:
    """A complete tokenizer in memory, and the counts of what it was learned from."""
    tokenizer = algorithm.pipeline(config)
    sample = WordSample(
        tokenizer,
        algorithm.chunks,
        config.sample_bytes,
        config.max_distinct_words,
        config.max_word_characters,
        config.seed,
        algorithm.word_length,
    )
    audit = Audit()
    with progress_bar(None, "B", "reading the corpus", unit_scale=True) as bar:
        for document in read_corpus(corpus, config.reading, audit):
            bar.update(sample.add(document.text))
    words = sample.words()
    if not words:
        raise InputError(
            f"{', '.join(corpus)}: {sample.counts['documents_read']} documents, but no word of at "
            f"most {config.max_word_characters} characters",
            f"check that the corpus holds text, or {_LONGER_WORDS}",
        )
    _say_too_long(sample, config)
    say(f"learning {algorithm.name} from {len(words):,} distinct words")
    learned = _learn(words, algorithm, vocab_size - config.sentinels, config, sample)
    tokenizer.model = learned.model
    tokenizer.post_processor = algorithm.frame()
    tokenizer.add_special_tokens(algorithm.specials.added_tokens())
    tokenizer.add_special_tokens(sentinel_tokens(config.sentinels))
    return tokenizer, {"corpus": audit.as_dict(), **sample.counts, **learned.counts}


def _learn(
    words: dict[str, int],
    algorithm: Algorithm,
    vocab_size: int,
    config: TokenizerConfig,
    sample: WordSample,
) -> Learned:
    try:
        return algorithm.learn(words, vocab_size, config)
    except InputError as error:
        if not config.sentinels:
            raise
        beside = f"{config.sentinels} sentinels, which --vocab-size includes, come on top"
        raise InputError(error.problem, f"{error.way_out}; {beside}") from None
    except TooFewPiecesError as error:
        if error.limited and config.alphabet_limit is None and config.alphabet_share < 1:
            # Nothing else would take the entries that are left over.
            ample = config.model_copy(update={"alphabet_share": 1.0})
            return _learn(words, algorithm, vocab_size, ample, sample)
        limit = config.alphabet_limit if error.limited else None
        raise _too_few(
            vocab_size, error.feasible, config.sentinels, len(words), limit, sample
        ) from None


def _too_few(
    vocab_size: int,
    feasible: int,
    sentinels: int,
    distinct_words: int,
    limit: int | None,
    sample: WordSample,
) -> InputError:
    vocab_size, feasible = vocab_size + sentinels, feasible + sentinels
    within = f" with --alphabet-limit {limit}" if limit else ""
    return InputError(
        f"--vocab-size {vocab_size}: the corpus yields {feasible} entries at most{within} "
        f"({sample.counts['documents_sampled']} documents, {distinct_words} distinct words, "
        f"{sample.duplicate_share:.0%} of the documents are duplicates)",
        f"ask for --vocab-size {feasible} or less, or "
        + ("raise --alphabet-limit" if limit else "give more text"),
    )


def _say_too_long(sample: WordSample, config: TokenizerConfig) -> None:
    long, learned_from = sample.counts["words_too_long"], sample.counts["words"]
    share = long / (long + learned_from)
    if share > _MANY_LONG_WORDS:
        say(
            f"{long:,} words ({share:.0%}) are longer than {config.max_word_characters} characters "
            f"and not learned from: put spaces between the words of the text, or {_LONGER_WORDS}"
        )


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
