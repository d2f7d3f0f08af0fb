"""What is wrong with reports: empty, shared between films, or longer than a text tower reads."""

from __future__ import annotations

import functools
import gzip
import html
import importlib.util
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from umcl_bench.data.check.report import Finding, Level, listed
from umcl_bench.data.corpus import Corpus

_SHORT = 3
_SHARED = 0.1
_COUNTED = 20_000  # reports whose tokens are counted, evenly over all
OWN_LIMITS = (96, 128)
OWN_VOCABULARY = 4096
CLIP_LIMIT = 77


class _Lengths(NamedTuple):
    """What a tokenizer makes of each text."""

    name: str
    limit: int
    tokens: list[int]


def check_texts(corpus: Corpus) -> tuple[list[Finding], dict[str, Any]]:
    """Findings about the reports, and facts about their number and length."""
    rows = [row for row, text in enumerate(corpus.reports) if text is not None]
    if not rows:
        return [], {"reports": "none"}
    texts = [str(corpus.reports[row]) for row in rows]
    ids = [str(corpus.ids[row]) for row in rows]
    some = range(0, len(texts), -(-len(texts) // _COUNTED))
    lengths, note = _lengths([texts[at] for at in some])
    facts = {"reports": f"{len(texts):,} ({len(set(texts)):,} different)", "tokens (median, longest)": note}
    return [
        *_short(ids, texts),
        *_shared(corpus, rows, texts),
        *_worded(corpus, rows, texts),
        *_cut([ids[at] for at in some], lengths),
    ], facts


def _short(ids: list[str], texts: list[str]) -> list[Finding]:
    words = [len(re.findall(r"\w+", text)) for text in texts]
    empty = [i for i, n in zip(ids, words, strict=True) if not n]
    short = [f"{i}: {t!r}" for i, t, n in zip(ids, texts, words, strict=True) if 0 < n < _SHORT]
    return [
        *listed("warning", "report-empty", "reports without a word", empty),
        *listed("warning", "report-short", f"reports of fewer than {_SHORT} words", short),
    ]


def _shared(corpus: Corpus, rows: list[int], texts: list[str]) -> list[Finding]:
    counts = Counter(texts)
    repeated = sum(n for n in counts.values() if n > 1)
    owners: dict[str, set[str]] = defaultdict(set)
    splits: dict[str, set[str]] = defaultdict(set)
    for row, text in zip(rows, texts, strict=True):
        owners[text].add(str(corpus.patients[row]))
        splits[text].add(str(corpus.splits[row]))
    many: Level = "warning" if repeated > _SHARED * len(texts) else "note"
    shared = [f"{n} rows: {_start(text)}" for text, n in counts.most_common() if n > 1]
    across = [_start(text) for text in counts if len(splits[text] - {""}) > 1]
    patients = [f"{len(owners[text])} patients: {_start(text)}" for text in counts if len(owners[text]) > 1]
    return [
        *listed(many, "report-shared", f"texts that several rows share ({repeated} of {len(texts)} rows)", shared),
        *listed("note", "report-of-patients", "texts that several patients share", patients),
        *listed("warning", "report-across-splits", "texts that are in more than one split", across),
    ]


def _worded(corpus: Corpus, rows: list[int], texts: list[str]) -> list[Finding]:
    naming, debris = [], []
    for row, text in zip(rows, texts, strict=True):
        plain = text.casefold()
        own = [
            name for at, name in enumerate(corpus.classes) if corpus.stated[row, at] == 1 and name.casefold() in plain
        ]
        naming += [f"{corpus.ids[row]}: {', '.join(own)}"] if own else []
        debris += [corpus.ids[row]] if re.search(r"[.,;]\s+[.,;]|\.{2}(?!\.)", text) else []
    return [
        *listed("note", "report-names-label", "reports that name a finding that their row is labelled with", naming),
        *listed("note", "report-debris", "reports with stray punctuation", debris),
    ]


def _start(text: str) -> str:
    return repr(text if len(text) <= 50 else f"{text[:47]}...")


def _cut(ids: list[str], lengths: dict[str, _Lengths]) -> list[Finding]:
    found = []
    for code, (name, limit, tokens) in lengths.items():
        cut = [f"{i} ({n} tokens)" for i, n in zip(ids, tokens, strict=True) if n > limit]
        level: Level = "warning" if len(cut) > _SHARED * len(ids) else "note"
        message = f"reports that {name} cuts at {limit} tokens, of {len(ids):,} looked at"
        found += listed(level, f"report-cut-{code}", message, cut)
    return found


def _lengths(texts: list[str]) -> tuple[dict[str, _Lengths], str]:
    """Tokens of each text, with the two that are added, by tokenizer and limit; and one line about them."""
    from umcl_bench.data.tokens import train_tokenizer

    own = _count(train_tokenizer(texts, OWN_VOCABULARY), texts)
    lengths = {f"wordpiece-{limit}": _Lengths("the trained WordPiece", limit, own) for limit in OWN_LIMITS}
    note = f"trained WordPiece {_middle(own)}"
    clip = clip_tokenizer()
    if clip is not None:
        tokens = _count(clip, [html.unescape(html.unescape(text)) for text in texts])  # as CLIP's own does
        lengths[f"clip-{CLIP_LIMIT}"] = _Lengths("CLIP's BPE", CLIP_LIMIT, tokens)
        note += f"; CLIP's BPE {_middle(tokens)}"
    return lengths, note


def _count(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(encoding.ids) + 2 for encoding in tokenizer.encode_batch(texts)]


def _middle(tokens: Sequence[int]) -> str:
    ordered = sorted(tokens)
    return f"{ordered[len(ordered) // 2]}, {ordered[-1]}"


@functools.cache
def clip_tokenizer() -> Any:
    """CLIP's tokenizer from the vocabulary that open_clip brings, without importing it (and torch); None without it."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    spec = importlib.util.find_spec("open_clip")
    path = Path(*(spec.submodule_search_locations or [""])[:1]) / "bpe_simple_vocab_16e6.txt.gz" if spec else None
    if path is None or not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [(one, two) for one, two in (line.split() for line in lines)]
    letters = list(_alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *(one + two for one, two in merges)]
    model = models.BPE({p: i for i, p in enumerate(pieces)}, merges, end_of_word_suffix="</w>", unk_token="!")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    split = pre_tokenizers.Split(words, "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _alphabet() -> Iterator[str]:
    """The 256 letters that stand for bytes in GPT-2's and CLIP's vocabularies, in their order."""
    plain = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("\u00a1"), ord("\u00ac") + 1),
        *range(ord("\u00ae"), ord("\u00ff") + 1),
    ]
    yield from map(chr, plain)
    yield from (chr(256 + n) for n in range(256 - len(plain)))
