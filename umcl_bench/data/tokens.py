"""A WordPiece vocabulary trained on the training reports, and texts as padded token ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;-()/'+%"


class Tokens(NamedTuple):
    """Token ids (n, l) with PAD behind each text's end, l a multiple of 16 or `max_tokens`, and the lengths (n,)."""

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    truncated: int


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A lower-casing WordPiece tokenizer with about `size` pieces. The same texts give the same pieces and ids.

    The library numbers the '##' pieces of single characters in the order of a hash map, which differs from run to run
    and breaks ties between merges differently; so they are handed to it, in order, as if they were special tokens.
    """
    normalizer = normalizers.BertNormalizer(lowercase=True)
    normal = [normalizer.normalize_str(text) for text in texts]
    letters = sorted({*_CHARACTERS, *"".join(normal)} - set(" "))
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *letters, *(f"##{letter}" for letter in letters)],
        show_progress=False,
        min_frequency=2,
    )
    scratch = _wordpiece({}, normalizer)
    scratch.train_from_iterator(normal, trainer)
    return _wordpiece(scratch.get_vocab(with_added_tokens=True), normalizer)


def _wordpiece(vocabulary: dict[str, int], normalizer: normalizers.Normalizer) -> Tokenizer:
    model = models.WordPiece(vocabulary, unk_token="[UNK]") if vocabulary else models.WordPiece(unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> Tokens:
    """`texts` as ids with [CLS] and [SEP]; what is longer than `max_tokens` loses its end, and is counted."""
    pieces = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    room = max_tokens - 2
    truncated = sum(len(p) > room for p in pieces)
    rows = [[START, *p[:room], END] for p in pieces]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    width = min(max_tokens, -(-int(lengths.max(initial=2)) // 16) * 16)
    ids = np.full((len(rows), width), PAD, dtype=np.int64)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = values
    return Tokens(ids, lengths, truncated)


def continuing_pieces(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """Which pieces of the vocabulary go on with a word."""
    pieces = tokenizer.get_vocab()
    continues = np.zeros(len(pieces), dtype=bool)
    continues[[number for piece, number in pieces.items() if piece.startswith("##")]] = True
    return continues


def word_numbers(ids: NDArray[np.int64], continues: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which word of its text each token (n, l) belongs to, -1 for special tokens: pieces of a word share its number."""
    special = ids < len(SPECIAL)
    begins = ~special & ~continues[ids]
    return np.where(special, -1, np.cumsum(begins, axis=1) - 1)
