"""What rows show: sentences, a bank's sentences, one finding, all of them in one text, or their mean; in two views."""

import dataclasses

import numpy as np
import pytest
import torch

from umcl_bench import registry
from umcl_bench.data.corpus import Corpus
from umcl_bench.data.reports.labeler import label_sentence
from umcl_bench.data.reports.sections import choose, sections
from umcl_bench.data.reports.sentences import split_sentences
from umcl_bench.data.tokens import train_tokenizer, word_numbers
from umcl_bench.errors import UsageError
from umcl_bench.models.dual import TextBatch
from umcl_bench.models.prompts import finding_sentences
from umcl_bench.spec import TINY, Recipe
from umcl_bench.training.batches import Batch, TrainingRows, training_rows
from umcl_bench.training.feed import Feed
from umcl_bench.training.runtime import World
from umcl_bench.training.start import empty_encoder, start_encoder
from umcl_bench.training.texts import lists_of


def rows_of(name: str, corpus: Corpus) -> tuple[Recipe, TrainingRows, Batch]:
    recipe = Recipe(registry.get_baseline(name), TINY)
    data = training_rows(corpus, recipe)
    return recipe, data, next(data.batches(recipe))


def text(data: TrainingRows, number: int) -> str:
    names = len(data.texts.names.lengths)
    tokens, place = (data.texts.names, number) if number < names else (data.texts.reports, number - names)
    pieces = [str(data.tokenizer.id_to_token(int(i))) for i in tokens.ids[place, 1 : tokens.lengths[place] - 1]]
    return " ".join(pieces).replace(" ##", "")


def plain(words: str) -> str:
    return "".join(c for c in words.lower() if c.isalnum())


def sentences_of(corpus: Corpus) -> dict[str, str]:
    """All sentences of all reports, by their letters and digits."""
    said = (choose(sections(report), "findings+impression") or report for report in corpus.reports if report)
    return {plain(sentence): sentence for report in said for sentence in split_sentences(report)}


def test_a_row_shows_a_sentence_of_its_own_report(phantom: Corpus) -> None:
    _, data, batch = rows_of("convirt", phantom)
    (shown,), names = batch.shown, len(data.texts.names.lengths)
    originals = sentences_of(phantom)
    different = set()
    for row, number, says in zip(batch.rows, shown.parts[:, 0], shown.present, strict=True):
        said = plain(text(data, number))
        whole = plain(str(phantom.reports[data.rows[row]]))
        assert said in whole
        different.add(len(said) < len(whole))
        np.testing.assert_array_equal(says, data.present[row])  # the study's, as labels are not learned from
        of_row = data.texts.of_row.items[data.texts.of_row.first[row] : data.texts.of_row.first[row + 1]]
        named = [bool(label_sentence(originals[plain(text(data, names + int(n)))])) for n in of_row]
        assert all(named) or not any(named)
    assert True in different


def test_a_sentence_claims_what_the_labeler_reads_in_it(phantom: Corpus) -> None:
    _, data, batch = rows_of("convirt+loss=umcl", phantom)
    (shown,) = batch.shown
    originals = sentences_of(phantom)
    claimed = 0
    for number, says, denies in zip(shown.parts[:, 0], shown.present, shown.absent, strict=True):
        verdicts = label_sentence(originals[plain(text(data, number))])
        for k, name in enumerate(data.classes):
            assert says[k] == (verdicts.get(name) == "positive")
            assert denies[k] == (verdicts.get(name) == "negative" and name != "No Finding")
        claimed += int(says.any() or denies.any())
    assert claimed > 10


def test_medclip_shows_a_bank_s_sentence_with_a_common_finding(phantom: Corpus) -> None:
    _, data, _ = rows_of("medclip", phantom)
    names = len(data.texts.names.lengths)
    none = data.classes.index("No Finding")
    shown_by_others = 0
    for batch in data.batches(Recipe(registry.get_baseline("medclip"), dataclasses.replace(TINY))):
        (shown,) = batch.shown
        for row, number, says in zip(batch.rows, shown.parts[:, 0], shown.present, strict=True):
            if not data.has_text[row] and number >= names:
                assert (says * data.present[row]).any()
                shown_by_others += 1
        if shown_by_others > 50:
            break
    assert shown_by_others > 50
    assert data.texts.report_present[:, none].any()


@pytest.mark.parametrize("several", ["set", "mean"])
def test_several_labels_become_one_text(phantom: Corpus, several: str) -> None:
    recipe, data, batch = rows_of(f"umcl+several={several}", phantom)
    (shown,) = batch.shown
    names, k, together = len(data.texts.names.lengths), len(data.classes), 0
    for row, numbers, says, denies in zip(batch.rows, shown.parts, shown.present, shown.absent, strict=True):
        told = numbers[numbers >= 0]
        if told[0] >= names or denies.any():
            assert len(told) == 1
            continue
        names_there = [data.classes[c].lower() for c in np.flatnonzero(data.present[row])]
        np.testing.assert_array_equal(says, data.present[row])
        found = [text(data, number) for number in told]
        assert found == ([", ".join(names_there).replace(",", " ,")] if several == "set" else names_there)
        together += len(names_there) > 1
    assert together > 3
    assert recipe.baseline.prompt.several == several
    assert (data.texts.name_states[: 2 * k] == np.arange(2 * k)).all()


def test_the_mean_of_texts_is_the_mean_of_their_embeddings(phantom: Corpus) -> None:
    recipe, data, _ = rows_of("umcl+several=mean", phantom)
    encoder = empty_encoder(recipe, data).eval()
    names = data.texts.names
    ids, lengths, states = (torch.from_numpy(a) for a in (names.ids[:3], names.lengths[:3], data.texts.name_states[:3]))
    empty = torch.zeros(0, 2, dtype=torch.int64)
    place = torch.tensor([[0, 1], [2, -1]])
    found = encoder.text_features(TextBatch(ids, lengths, states, empty, lengths[:0], place))["text"]
    each = encoder.encode_names(ids, lengths, states)
    torch.testing.assert_close(found[0], torch.nn.functional.normalize(each[0] + each[1], dim=0))
    torch.testing.assert_close(found[1], each[2])


def test_two_views_are_drawn_apart(phantom: Corpus) -> None:
    _, data, batch = rows_of("cxr-clip", phantom)
    one, other = batch.shown
    reported = data.has_text[batch.rows]
    assert (one.parts != other.parts)[reported].mean() > 0.3
    sentences = {s for name in data.classes for absent in (False, True) for s in finding_sentences(name, absent=absent)}
    known = {plain(s) for s in sentences}
    prompted = one.parts[~reported, 0]
    assert {plain(text(data, number)) for number in prompted} <= known
    assert len(set(prompted.tolist())) > 5


def test_uncertain_sentences_are_no_finding_to_nobody(phantom: Corpus) -> None:
    reports = phantom.reports.copy()
    told = [row for row in phantom.rows("train") if reports[row] is not None]
    for row in told:
        reports[row] = "Possible pneumonia." if row % 2 else "No pneumonia."
    _, data, _ = rows_of("medclip", dataclasses.replace(phantom, reports=reports))
    column = data.classes.index("No Finding")
    says = {
        text(data, len(data.texts.names.lengths) + n): row[column] for n, row in enumerate(data.texts.report_present)
    }
    assert says == {"possible pneumonia .": 0, "no pneumonia .": 1}


def test_label_only_rows_of_medclip_are_never_denied_a_finding(phantom: Corpus) -> None:
    _, data, batch = rows_of("medclip", phantom)
    (shown,) = batch.shown
    names = len(data.texts.names.lengths)
    prompted = (shown.parts[:, 0] < names) & data.present[batch.rows].any(1)
    assert not shown.absent[prompted].any()


def test_repeated_reports_are_the_same_to_sat(phantom: Corpus) -> None:
    """However many there are: a quantile of 1 would leave none above it."""
    reports = phantom.reports.copy()
    told = np.array([row for row in phantom.rows("train") if reports[row] is not None])
    reports[told[: len(told) * 2 // 3]] = "No acute cardiopulmonary process."
    _, data, _ = rows_of("sat", dataclasses.replace(phantom, reports=reports))
    assert data.meanings is not None
    same = np.flatnonzero([r == "No acute cardiopulmonary process." for r in reports[data.rows]])
    cosines = data.meanings.vectors[same] @ data.meanings.vectors[same].T
    assert (cosines > data.meanings.same_above).all()
    assert data.meanings.other_below < data.meanings.same_above


def test_findings_to_leave_out_must_be_there(phantom: Corpus) -> None:
    with pytest.raises(UsageError, match="Did you mean 'Support Devices'"):
        rows_of("umcl+unmatched=Suport Devices", phantom)
    nothing = dataclasses.replace(phantom, classes=(), stated=phantom.stated[:, :0])
    with pytest.raises(UsageError, match="has vectors for each finding, and the training data label none"):
        rows_of("umcl+context=class-specific", nothing)


def test_a_film_is_not_mirrored_under_the_text_of_either_view(phantom: Corpus) -> None:
    recipe, data, batch = rows_of("cxr-clip", phantom)
    films = np.zeros((len(phantom), 4, 4), np.uint8)
    parcel = next(iter(Feed(data, films, recipe, torch.device("cpu"), World(0, 1, 0))))
    one, other = (data.texts.names_side(view.parts) for view in batch.shown)
    assert (one != other).any()
    np.testing.assert_array_equal(parcel.sided, np.tile(one | other, 2))


def test_class_specific_vectors_are_a_finding_s_own(phantom: Corpus) -> None:
    recipe, data, _ = rows_of("umcl+context=class-specific", phantom)
    encoder = start_encoder(recipe, data).eval()
    k = len(data.classes)
    ids, lengths = (torch.from_numpy(a) for a in (data.texts.names.ids[:1], data.texts.names.lengths[:1]))
    states = torch.tensor([0, 1, k])
    found = encoder.prompts.embed(encoder.text, ids.expand(3, -1), lengths.expand(3), states)[0]
    vectors = found[:, 1:9]
    assert not torch.equal(vectors[0], vectors[1])
    assert torch.equal(vectors[0], vectors[2])  # shared by the finding and its negation


def test_prompts_may_begin_as_a_phrase(phantom: Corpus) -> None:
    recipe, data, _ = rows_of("umcl+init=chest radiograph", phantom)
    encoder = start_encoder(recipe, data)
    ids = torch.tensor(data.tokenizer.encode("chest radiograph").ids)
    words = encoder.text.embed(ids[None])[0]
    assert encoder.prompts.context is not None
    for place, vector in enumerate(encoder.prompts.context):
        assert torch.equal(vector, words[place % len(words)])


def test_findings_left_out_make_no_match(phantom: Corpus) -> None:
    _, data, _ = rows_of("umcl+unmatched=Support Devices/Fracture", phantom)
    assert [name for name, matched in zip(data.classes, data.matched, strict=True) if not matched] == [
        "Fracture",
        "Support Devices",
    ]


def test_lists_draw_one_of_theirs_and_nothing_of_nothing() -> None:
    lists = lists_of([[3], [], [5, 7]])
    rng = np.random.default_rng(0)
    drawn = np.array([lists.draw(np.array([0, 1, 2]), rng) for _ in range(400)])
    assert set(drawn[:, 0]) == {3}
    assert set(drawn[:, 1]) == {-1}
    assert np.mean(drawn[:, 2] == 5) == pytest.approx(0.5, abs=0.1)
    assert lists_of([[], []]).draw(np.array([0, 1]), rng).tolist() == [-1, -1]


def test_pieces_of_a_word_share_its_number() -> None:
    tokenizer = train_tokenizer(["edema effusion"], 60)
    ids = np.array([[2, *tokenizer.encode("edema xyz of").ids, 3, 0]])
    continues = np.zeros(tokenizer.get_vocab_size(), bool)
    for token, number in tokenizer.get_vocab().items():
        continues[number] = token.startswith("##")
    found = word_numbers(ids, continues)[0]
    pieces = [str(tokenizer.id_to_token(int(i))) for i in ids[0]]
    expected, word = [], -1
    for piece in pieces:
        word += not piece.startswith(("##", "["))
        expected.append(-1 if piece.startswith("[") else word)
    assert found.tolist() == expected
    assert max(expected) == 2
