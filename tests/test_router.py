"""Lexical scores and routes: right module, no module, weights that sum to one, modules that come and go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import phonebook, routing
from benchmarks.routing_scale import synthetic
from benchmarks.routing_sets import Asked, Memory, Vectors, book, plain
from slowwave.adapters_store import lexical
from slowwave.adapters_store.calibration import EVERYDAY, PRIOR, Calibration, calibrated
from slowwave.adapters_store.lexical import BlockWords, LexicalIndex, tokens
from slowwave.adapters_store.router import Posterior, Route, Router, RouterOptions, RouteRow
from slowwave.embedder import HashEmbedder
from slowwave.errors import InvalidInput

EMBEDDER = HashEmbedder(256)
ROWS = [
    RouteRow("What is the phone number of Jeffrey Buck?", "f1", "m-phones"),
    RouteRow("What is the phone number of Albert Wyatt?", "f2", "m-phones"),
    RouteRow("What am I allergic to?", "f3", "m-health"),
    RouteRow("Who is my dentist?", "f4", "m-health"),
    RouteRow("Where do I live?", "f5", "m-places"),
]


def route(question: str, most: int = 3) -> Route:
    router = Router(ROWS, EMBEDDER.encode([row.text for row in ROWS]))
    return router.route(question, EMBEDDER.encode([question])[0], most)


def test_a_trained_question_goes_to_its_module_alone() -> None:
    for row in ROWS:
        found = route(row.text)
        assert found.modules[0][0] == row.module_id
        assert found.rows[0] == row
        assert len(found.modules) == 1


def test_a_question_about_nothing_known_goes_nowhere() -> None:
    assert route("How do volcanoes erupt?").modules == ()


def test_no_modules_no_route() -> None:
    router = Router([], np.zeros((0, 256), dtype=np.float32))
    assert router.route("Who?", np.zeros(256, dtype=np.float32)) == Route()


def test_an_uncertain_question_takes_several_modules() -> None:
    found = route("dentist phone number live allergic")
    assert 2 <= len(found.modules) <= 3
    assert len(route("dentist phone number live allergic", most=1).modules) == 1


def test_a_route_among_fewer_modules_has_their_weights_and_score() -> None:
    found = route("dentist phone number live allergic")
    assert found.among([name for name, _ in found.modules]) is found
    assert found.scores[0] == found.score
    (lost, _), *others = found.modules
    left = found.among([name for name, _ in others])
    assert [name for name, _ in left.modules] == [name for name, _ in others] != [lost]
    assert sum(weight for _, weight in left.modules) == pytest.approx(1.0)
    assert left.rows == found.rows[1:]
    assert left.score == max(found.scores[1:])
    assert found.among([]) == Route()


def test_what_had_no_weight_shares_what_is_left() -> None:
    rows = tuple(RouteRow(name, name, name) for name in "abc")
    found = Route(modules=(("a", 1.0), ("b", 0.0), ("c", 0.0)), score=0.9, rows=rows, scores=(0.9, 0.5, 0.4), known=0.8)
    assert found.among(["b", "c"]).modules == (("b", 0.5), ("c", 0.5))


@given(st.text(max_size=60))
def test_weights_sum_to_one_or_there_are_none(question: str) -> None:
    found = route(question)
    assert len(found.modules) <= 3
    assert len({name for name, _ in found.modules}) == len(found.modules)
    weights = [weight for _, weight in found.modules]
    assert weights == sorted(weights, reverse=True)
    if weights:
        assert sum(weights) == pytest.approx(1.0, abs=1e-5)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.text(max_size=40))
def test_lexical_scores_are_shares(texts: list[str], query: str) -> None:
    scores = LexicalIndex(texts).scores(query)
    assert scores.shape == (len(texts),)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_lexical_scores_rank_by_brute_force_bm25() -> None:
    """Against the formula of Robertson and Zaragoza (Lucene's idf), written out."""
    texts = [row.text for row in ROWS]
    corpus, query = [tokens(text) for text in texts], "phone number of Albert"
    mean = sum(map(len, corpus)) / len(corpus)
    expected = []
    for words in corpus:
        score = 0.0
        for word in set(tokens(query)):
            df = sum(word in other for other in corpus)
            idf = np.log(1 + (len(corpus) - df + 0.5) / (df + 0.5))
            tf = words.count(word)
            score += idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * len(words) / mean))
        expected.append(score)
    bound = sum(
        np.log(1 + (5 - df + 0.5) / (df + 0.5)) / 2.5
        for word in set(tokens(query))
        for df in [sum(word in other for other in corpus)]
    )
    np.testing.assert_allclose(LexicalIndex(texts).scores(query), np.clip(np.array(expected) / bound, 0, 1), rtol=1e-4)


def by_bm25s(texts: Sequence[str], query: str) -> NDArray[np.float32]:
    """What the library of that name says of the same texts, scaled as here, shape (texts,)."""
    corpus, asked = [tokens(text) for text in texts], sorted(set(tokens(query)))
    having = {word: sum(word in words for words in corpus) for word in asked}
    known = [word for word in asked if having[word]]
    if not known:
        return np.zeros(len(texts), dtype=np.float32)
    library = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    library.index(corpus, show_progress=False)
    raw = np.asarray(library.get_scores(known), dtype=np.float32)
    bound = sum(np.log(1 + (len(texts) - df + 0.5) / (df + 0.5)) / 2.5 for df in having.values())
    scaled: NDArray[np.float32] = np.clip(raw / np.float32(bound), 0.0, 1.0)
    return scaled


def test_unknown_words_lower_the_score() -> None:
    index = LexicalIndex(["I live in Porto."])
    assert index.scores("live Porto")[0] > index.scores("live Porto submarine")[0] > 0


# -- words of blocks ---------------------------------------------------------------------------------------------------

WORDS = "phone number jeffrey buck live porto dentist allergic boat goat kind 42 603-556-7631 a the is".split()
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
blocks = st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=5)


def words_of(held: Mapping[int, Sequence[str]]) -> BlockWords:
    index = BlockWords()
    for number, block in held.items():
        index.add(number, block)
    return index


@given(blocks, texts)
def test_rows_of_blocks_score_as_in_one_index(held: list[list[str]], query: str) -> None:
    scores = words_of(dict(enumerate(held))).row_scores(query, range(len(held)))
    np.testing.assert_allclose(scores, by_bm25s([text for block in held for text in block], query), atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), texts)), min_size=1, max_size=12), texts)
def test_texts_that_come_and_go_score_as_the_library_says_of_those_that_are_there(
    moves: list[tuple[int, str | None]], query: str
) -> None:
    index, held = LexicalIndex(), dict[int, str]()
    for place, text in moves:
        if place in held:
            index.drop(place)
            del held[place]
        if text is not None:
            index.put(place, text)
            held[place] = text
    scores = index.scores(query)
    places = sorted(held)
    np.testing.assert_allclose(scores[places], by_bm25s([held[place] for place in places], query), atol=1e-5)
    assert not np.delete(scores, places).any(), "what is gone covers nothing"


@given(blocks, texts)
def test_a_block_scores_by_brute_force_bm25_of_its_text(held: list[list[str]], query: str) -> None:
    corpus = [tokens(" ".join(block)) for block in held]
    mean = sum(map(len, corpus)) / len(corpus)
    asked = set(tokens(query))
    rarity = {
        word: math.log(1 + (len(corpus) - df + 0.5) / (df + 0.5))
        for word in asked
        for df in [sum(word in words for words in corpus)]
    }
    expected = []
    for words in corpus:
        held_back = 1.5 * (0.25 + 0.75 * len(words) / mean) if mean else 1.0
        score = sum(rarity[word] * words.count(word) / (words.count(word) + held_back) for word in asked)
        expected.append(score / sum(rarity.values()) if asked else 0.0)
    found = words_of(dict(enumerate(held))).block_scores(query, len(held))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert ((found >= 0) & (found <= 1)).all()


@given(blocks, texts, st.sampled_from([1, 2, 32_768]))
def test_the_best_row_by_rare_words_is_found_without_looking_at_rows(
    held: list[list[str]], query: str, rare: int
) -> None:
    rows = [set(tokens(text)) for block in held for text in block]
    frequency = {word: sum(word in row for row in rows) for word in set(tokens(query))}
    rarity = {word: math.log(1 + (len(rows) - df + 0.5) / (df + 0.5)) for word, df in frequency.items()}
    expected = [
        max(
            sum(r for word, r in rarity.items() if word in tokens(text) and frequency[word] <= rare)
            / sum(rarity.values())
            if rarity
            else 0.0
            for text in block
        )
        for block in held
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical, "_RARE", rare)
        index = words_of(dict(enumerate(held)))
        np.testing.assert_allclose(index.best_rows(query, len(held)), expected, atol=1e-5)
        index.add(len(held), [query, query, query])  # what is common for a time
        index.remove(len(held))
        np.testing.assert_allclose(index.best_rows(query, len(held)), expected, atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.lists(texts, min_size=1, max_size=3)))), texts)
def test_blocks_that_came_and_went_leave_no_trace(moves: list[tuple[int, list[str] | None]], query: str) -> None:
    index, held = BlockWords(), dict[int, list[str]]()
    for number, block in moves:
        if number in held:
            index.remove(number)
            del held[number]
        if block is not None:
            index.add(number, block)
            held[number] = block
    fresh = words_of(held)
    assert set(index._terms) == {word for block in held.values() for text in block for word in tokens(text)}
    assert {word for word in index._names if word} == set(index._terms)
    np.testing.assert_array_equal(index.block_scores(query, 4), fresh.block_scores(query, 4))
    np.testing.assert_array_equal(index.row_scores(query, sorted(held)), fresh.row_scores(query, sorted(held)))


# -- fusion ------------------------------------------------------------------------------------------------------------


def built(rows: Sequence[RouteRow], options: RouterOptions | None = None) -> Router:
    return Router(rows, EMBEDDER.encode([row.text for row in rows]), options or RouterOptions())


def linked(count: int) -> list[RouteRow]:
    """Facts with their text and two questions each, eight a module."""
    rows = []
    for i, entry in enumerate(phonebook.entries(count, 0, None)):
        name = f"m{i // 8}"
        rows += [RouteRow(form.format(name=entry.name), f"f{i}", name) for form in phonebook.TRAINED]
        rows.append(RouteRow(entry.text, f"f{i}", name, "fact"))
    return rows


def believed(router: Router, question: str, *, exact: bool = False) -> Posterior:
    found = router.posterior(question, EMBEDDER.encode([question])[0], exact=exact)
    assert found is not None
    return found


def reference(rows: Sequence[RouteRow], question: str) -> tuple[float, dict[str, float]]:
    """(probability that any module knows, share of each module), written out in plain numpy from the unrounded vectors."""
    names = sorted({row.module_id for row in rows})
    vector = EMBEDDER.encode([question])[0]
    cosine = np.clip(EMBEDDER.encode([row.text for row in rows]) @ vector, 0, 1)
    covered = LexicalIndex([row.text for row in rows]).scores(question)
    whole = words_of({i: [row.text for row in rows if row.module_id == name] for i, name in enumerate(names)})
    own = [[i for i, row in enumerate(rows) if row.module_id == name] for name in names]
    scores = np.stack(
        [
            [cosine[places].max() for places in own],
            [((cosine + covered) / 2)[places].max() for places in own],
            whole.block_scores(question, len(names)),
        ],
        axis=1,
    )
    assert len(names) <= PRIOR.rivals
    spread = np.sqrt((10 * np.array(PRIOR.spreads) ** 2 + len(names) * scores.var(axis=0)) / (10 + len(names)))
    fused = ((scores - scores.mean(axis=0)) / spread).mean(axis=1)
    shares = np.exp(PRIOR.sharpness * fused) / np.exp(PRIOR.sharpness * fused).sum()
    best = scores[fused.argmax()]
    logit = best @ np.array(PRIOR.known) + PRIOR.per_row * np.log(len(rows)) + PRIOR.bias
    return float(1 / (1 + np.exp(-logit))), dict(zip(names, shares.tolist(), strict=True))


rows_of = st.lists(
    st.tuples(st.sampled_from("abcde"), texts), min_size=1, max_size=12, unique_by=lambda pair: pair[1]
).map(lambda pairs: [RouteRow(text, f"f{i}", f"m-{name}") for i, (name, text) in enumerate(pairs)])


@given(rows_of, texts)
def test_the_posterior_is_that_of_a_plain_reference(rows: list[RouteRow], question: str) -> None:
    known, shares = reference(rows, question)
    found = believed(built(rows), question)
    # A vector is kept as bytes, so that a cosine is off by up to 0.002; the weights of the posterior make that 0.04.
    assert dict(found.modules) == pytest.approx(shares, abs=0.05)
    assert found.known == pytest.approx(known, abs=0.02)
    assert sum(share for _, share in found.modules) == pytest.approx(1.0)
    assert [share for _, share in found.modules] == sorted((share for _, share in found.modules), reverse=True)


def test_vectors_of_one_byte_a_number_keep_the_cosines() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [RouteRow(f"row {i}", f"f{i}", f"m{i:03}") for i in range(200)]
    found = Router(rows, vectors).evidence("nothing", vectors[7])
    np.testing.assert_allclose(found.scores[:, 0], np.clip(vectors @ vectors[7], 0, 1), atol=0.002)


@given(rows_of, texts, st.integers(1, 3))
def test_no_more_modules_than_asked_for(rows: list[RouteRow], question: str, most: int) -> None:
    found = built(rows).route(question, EMBEDDER.encode([question])[0], most)
    assert len(found.modules) <= most
    assert found.kind == ("none", "one", "some", "some")[len(found.modules)]
    assert len(found.rows) == len(found.scores) == len(found.modules)
    assert [row.module_id for row in found.rows] == [name for name, _ in found.modules]
    assert (found.known >= 0.5) == bool(found.modules)
    if found.modules:
        assert sum(weight for _, weight in found.modules) == pytest.approx(1.0)


def test_a_question_about_two_facts_takes_the_modules_of_both() -> None:
    found = route("What is the phone number of Albert Wyatt and who is my dentist?")
    assert {name for name, _ in found.modules} == {"m-phones", "m-health"}


def test_words_that_no_row_has_add_no_module() -> None:
    found = route("Could somebody quickly remind me: who is my dentist?")
    assert [name for name, _ in found.modules] == ["m-health"]


def test_a_module_that_covers_little_of_the_rest_or_is_far_is_not_taken() -> None:
    question = "Who is my dentist and has the submarine captain a number?"
    vector = EMBEDDER.encode([question])[0]
    for known, covered, count in ((0.001, 0.05, 2), (0.001, 0.5, 1), (0.5, 0.05, 1)):
        found = built(ROWS, RouterOptions(known=known, covered=covered)).route(question, vector)
        assert [name for name, _ in found.modules] == ["m-health", "m-phones"][:count]
        assert built(ROWS, RouterOptions(known=known, covered=covered)).route(question, vector, 1).kind == "one"


def test_a_module_for_the_rest_of_a_question_weighs_as_the_words_it_covers() -> None:
    found = route("What is the phone number of Albert Wyatt and who is my dentist?")
    phones, dentist = (math.log(1 + (5 - df + 0.5) / (df + 0.5)) for df in (2, 1))
    # "phone" and "number" stand in two rows of five; "albert", "wyatt" and "dentist" in one.
    assert dict(found.modules)["m-health"] == pytest.approx(dentist / (2 * phones + 3 * dentist), rel=1e-3)
    assert [row.text for row in found.rows] == ["What is the phone number of Albert Wyatt?", "Who is my dentist?"]


def test_a_number_leads_to_its_fact() -> None:
    rows = [*ROWS, RouteRow("The phone number of Albert Wyatt is 705-882-9365.", "f2", "m-phones", "fact")]
    rows += [RouteRow(f"The order number {i}{i}-7 is open.", f"o{i}", f"m-order{i}", "fact") for i in range(6)]
    found = built(rows)
    for question, module in (("Whose phone number is 705-882-9365?", "m-phones"), ("order number 33-7?", "m-order3")):
        assert believed(found, question).modules[0][0] == module


@pytest.mark.parametrize("prompts", [EVERYDAY, routing.PROMPTS])
def test_everyday_prompts_lead_nowhere(prompts: Sequence[str]) -> None:
    assert len(set(prompts)) >= 60
    assert sum(bool(route(prompt).modules) for prompt in prompts) <= 0.05 * len(prompts)


def test_the_everyday_prompts_of_the_report_are_not_those_of_the_package() -> None:
    assert not {plain(one) for one in EVERYDAY} & {plain(one) for one in routing.PROMPTS}


# -- modules that come and go ------------------------------------------------------------------------------------------

moves = st.lists(
    st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.lists(texts, min_size=1, max_size=4))), max_size=10
)


@given(moves, texts, st.sampled_from([2, 16_384]))
def test_what_was_published_and_retired_is_as_if_built_at_once(
    done: list[tuple[str, list[str] | None]], question: str, scanned: int
) -> None:
    options = RouterOptions(scanned=scanned)
    router, held = built([], options), dict[str, list[RouteRow]]()
    for name, block in done:
        if block is None:
            router.retire(name)
            held.pop(name, None)
        else:
            held[name] = [RouteRow(text, f"{name}{i}", name) for i, text in enumerate(block)]
            router.publish(held[name], EMBEDDER.encode(block))
    rows = [row for name in sorted(held) for row in held[name]]
    assert list(router.rows) == rows
    assert (len(router), router.modules) == (len(rows), tuple(sorted(held)))
    vector = EMBEDDER.encode([question])[0]
    fresh = built(rows, options)
    assert router.route(question, vector) == fresh.route(question, vector)
    assert router.calibrate(EMBEDDER.encode, EVERYDAY[:5]) == fresh.calibrate(EMBEDDER.encode, EVERYDAY[:5])


def test_a_module_that_was_retired_leaves_nothing_behind() -> None:
    router = built(ROWS)
    router.retire("m-health")
    router.retire("m-health")
    assert "m-health" not in {name for name, _ in believed(router, "What am I allergic to?").modules}
    assert "allergic" not in router._words._terms
    assert not router._means[[n for n in range(len(router._means)) if n not in dict(router._order).values()]].any()


def test_rows_that_are_no_module_are_refused_and_nothing_changes() -> None:
    router = built(ROWS)
    vectors = EMBEDDER.encode([row.text for row in ROWS])
    with pytest.raises(InvalidInput, match="one module"):
        router.publish(ROWS, vectors)
    with pytest.raises(InvalidInput, match="one module"):
        router.publish([], vectors[:0])
    with pytest.raises(InvalidInput, match="one module"):
        router.publish(ROWS[:2], vectors)
    with pytest.raises(InvalidInput, match="width"):
        router.publish(ROWS[:2], vectors[:2, :8])
    assert list(router.rows) == sorted(ROWS, key=lambda row: row.module_id)


def test_a_large_memory_is_searched_in_part_and_finds_the_same() -> None:
    rows = linked(160)  # 20 modules of 24 rows
    router = built(rows, RouterOptions(scanned=5 * 24 + 1))
    same = []
    for row in rows[::3]:
        fast, exact = believed(router, row.text), believed(router, row.text, exact=True)
        assert len(fast.evidence.modules) == 5
        assert len(exact.evidence.modules) == 20
        looked = [exact.evidence.modules.index(name) for name in fast.evidence.modules]
        np.testing.assert_array_equal(fast.evidence.scores, exact.evidence.scores[looked])
        same.append(fast.modules[0][0] == exact.modules[0][0] == row.module_id)
    assert np.mean(same) > 0.95
    assert len(believed(built(rows, RouterOptions(scanned=1)), rows[0].text).evidence.modules) == 1


# -- calibration -------------------------------------------------------------------------------------------------------


def test_calibrating_changes_no_row_and_knows_no_order() -> None:
    rows = linked(40)
    router = built(rows)
    before = believed(router, rows[0].text)
    found = router.calibrate(EMBEDDER.encode)
    assert list(router.rows) == rows
    after = believed(router, rows[0].text)
    assert after.modules == before.modules
    np.testing.assert_array_equal(after.evidence.scores, before.evidence.scores)
    assert built(rows[::-1]).calibrate(EMBEDDER.encode) == found
    assert router.calibrate(EMBEDDER.encode) == found, "calibrating again starts from the constants"
    router.publish(ROWS[4:], EMBEDDER.encode([ROWS[4].text]))
    assert router.calibrate(EMBEDDER.encode) == built([*rows, ROWS[4]]).calibrate(EMBEDDER.encode) != found
    router.retire(ROWS[4].module_id)
    assert router.calibrate(EMBEDDER.encode) == found


def test_prompts_that_look_near_move_the_boundary_and_far_ones_do_not() -> None:
    rows = linked(40)
    near = ["Dial a phone number.", "What is a phone number?", "Give me any phone number."]
    router = built(rows)
    far_shift = router.calibrate(EMBEDDER.encode).shift
    near_shift = router.calibrate(EMBEDDER.encode, near).shift
    assert near_shift < far_shift - 0.05
    assert abs(far_shift) < 0.5


def test_no_question_about_a_fact_is_left_when_one_is_asked() -> None:
    """The facts' texts say nothing of the questions: what is asked must be far from all that is left."""
    rows = []
    for i in range(24):
        rows += [RouteRow(f"{form} q{i} r{i} s{i}?", f"f{i}", f"m{i % 3}") for form in ("Who", "What", "Tell")]
        rows.append(RouteRow(f"t{i} u{i} v{i}", f"f{i}", f"m{i % 3}", "fact"))
    assert built(rows).calibrate(EMBEDDER.encode, []).shift > 1.0
    near = [replace(row, text=f"{row.text} q{row.fact_id[1:]} r{row.fact_id[1:]}") for row in rows]
    assert built(near).calibrate(EMBEDDER.encode, []).shift < 0.5


def test_a_small_memory_keeps_the_constants() -> None:
    assert built(ROWS).calibrate(EMBEDDER.encode) == PRIOR
    assert built([]).calibrate(EMBEDDER.encode) == PRIOR


scores = st.lists(st.tuples(*[st.floats(0, 1)] * 3), max_size=8).map(
    lambda rows: np.array(rows, dtype=np.float32).reshape(-1, 3)
)


@given(scores, scores, st.integers(1, 10**6))
def test_the_shift_is_the_best_of_all(asked: NDArray[np.float32], everyday: NDArray[np.float32], rows: int) -> None:
    found = calibrated(PRIOR, asked, everyday, rows)

    def loss(shift: float) -> float:
        total = shift**2 / 2
        if len(asked):
            weight = 10 * len(asked) / (len(asked) + 16)
            total += weight * float(np.logaddexp(0, -(PRIOR.logit(asked, rows) + shift)).mean())
        if len(everyday):
            total += 20 * float(np.logaddexp(0, PRIOR.logit(everyday, rows) + shift).mean())
        return total

    assert loss(found.shift) <= min(loss(shift) for shift in np.linspace(-12, 12, 481)) + 1e-6
    assert replace(found, shift=0.0) == PRIOR


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=60))
def test_shares_go_to_those_that_lead(rows: list[tuple[float, float, float]]) -> None:
    values = np.array(rows, dtype=np.float32)
    order, shares = PRIOR.shares(values)
    assert len(order) == len(shares) == min(len(rows), PRIOR.rivals)
    assert len(set(order.tolist())) == len(order)
    assert shares.sum() == pytest.approx(1.0)
    assert (np.diff(shares) <= 1e-12).all()


def test_where_all_look_alike_a_small_lead_decides() -> None:
    """Sixteen slices of one phone book: the form of the question is near in all of them."""
    alike = np.tile(np.array([[0.8, 0.6, 0.4]], dtype=np.float32), (16, 1))
    alike[3] += 0.15
    order, shares = PRIOR.shares(alike)
    assert order[0] == 3
    assert shares[0] > 0.8
    unlike = np.linspace(0.2, 0.8, 16, dtype=np.float32)[:, None] * np.ones(3, dtype=np.float32)
    assert PRIOR.shares(unlike)[1][0] < 0.8, "the same lead among unlike ones is less"


# -- the rows of a benchmark -------------------------------------------------------------------------------------------


def figures(variant: str, memory: Memory) -> dict[str, float]:
    vectors = Vectors("hash:256")
    return routing.evaluate("set", [memory], routing.ROUTERS[variant], vectors, 0)


@pytest.fixture(scope="module")
def slices() -> Memory:
    (memory,) = book(phonebook.entries(300, 0, None), 280, 0, 60)
    return memory


def test_an_oracle_is_right_chance_is_not_and_documents_are_between(slices: Memory) -> None:
    ours, oracle = figures("", slices), figures("oracle", slices)
    document, chance = figures("document", slices), figures("random", slices)
    assert oracle["set_top1"] == 1.0
    assert ours["set_top1"] > 0.95
    assert ours["set_number_top1"] > 0.95
    assert chance["set_top1"] < document["set_top1"] < 0.8
    assert ours["set_everyday"] <= 0.05
    assert 0.5 <= ours["set_mean_k"] <= 3
    assert set(document) == {"set_top1", "set_top3"}


def test_a_document_router_has_one_row_a_module_and_chance_is_dealt_by_the_seed(slices: Memory) -> None:
    rows = routing.ROUTERS["document"].rows(slices, 0)
    assert len({row.module_id for row in rows}) == len(rows) == len(slices.documents)
    dealt = [routing.ROUTERS["random"].rows(slices, seed) for seed in (0, 0, 1)]
    assert dealt[0] == dealt[1] != dealt[2]


def test_a_question_that_stands_among_the_rows_is_not_asked() -> None:
    row = RouteRow("Who is my dentist?", "f1", "m")
    asked = (Asked("who is my  dentist", frozenset({"m"})),)
    with pytest.raises(ValueError, match="1 of 1 asked questions are rows"):
        Memory((row,), asked, {}).checked()
    with pytest.raises(ValueError, match="asked questions are rows"):
        Memory((row,), (), {}, special={"number": asked}).checked()


def test_the_error_of_probabilities_is_that_of_a_hand_count() -> None:
    beliefs = [(0.95, True, 1.0), (0.95, False, 1.0), (0.15, False, 2.0)]
    assert routing.expected_error(beliefs) == pytest.approx((abs(0.9) + abs(0.3)) / 4)
    assert routing.expected_error([(1.0, True, 1.0), (0.0, False, 1.0)]) == 0.0


@pytest.mark.parametrize("topical", [True, False])
def test_synthetic_questions_lead_to_their_modules(topical: bool) -> None:
    made, asked = synthetic(20, 5, 4, 0, topical=topical, width=64)
    modules = list(made)
    router = built([])
    for rows, vectors in modules:
        assert vectors.shape == (20, 64)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
        router.publish(rows, vectors)
    assert len(router) == 400
    right = [router.posterior(text, vector) for _, text, vector in asked]
    assert (
        np.mean([one is not None and one.modules[0][0] == gold for one, (gold, _, _) in zip(right, asked, strict=True)])
        > 0.9
    )


def test_the_router_of_before_is_a_row_of_data() -> None:
    """One threshold on the best row's nearness, a softmax over it at 0.05: what the package did, and what it is compared with."""
    router = built(ROWS, routing.ROUTERS["before"].options)
    for question in ("dentist phone number live allergic", "Who is my dentist?", "How do volcanoes erupt?"):
        found = router.route(question, EMBEDDER.encode([question])[0])
        near = believed(router, question).evidence.scores[:, 1].astype(float)
        assert bool(found.modules) == (near.max() >= 0.3)
        shares = np.exp((near - near.max()) / 0.05)
        assert believed(router, question).modules[0][1] == pytest.approx(shares.max() / shares.sum(), abs=1e-4)


def test_constants_are_frozen_values() -> None:
    with pytest.raises(AttributeError):
        PRIOR.shift = 1.0  # type: ignore[misc]
    assert Calibration() == PRIOR
