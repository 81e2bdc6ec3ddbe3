"""Lexical scores and routes: right module, no module, weights that sum to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowwave.adapters_store.lexical import LexicalIndex, tokens
from slowwave.adapters_store.router import Route, Router, RouteRow
from slowwave.embedder import HashEmbedder

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


def test_unknown_words_lower_the_score() -> None:
    index = LexicalIndex(["I live in Porto."])
    assert index.scores("live Porto")[0] > index.scores("live Porto submarine")[0] > 0
