from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import harness, merging, merging_routes, taught
from benchmarks.harness import Options
from benchmarks.merging_routes import Doubtful, combined, credit, doubtful, first_name, people
from benchmarks.phonebook import UNSEEN, Entry, entries
from benchmarks.taught import Modules, Taught, claim, fewer, kept, panel, surest
from slowwave.adapters_store.router import Route
from slowwave.adapters_store.shape import SlotShape, Target
from slowwave.consolidation.rows import Lesson
from slowwave.model import BaseModel
from slowwave.prompts import conversation

SMALL = SlotShape((Target("up", 6, 3), Target("down", 16, 2)), rank=2, alpha=4.0, seed=3)


def draw(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def change(vector: torch.Tensor) -> NDArray[Any]:
    """The weight changes of a module, all layers as one vector, by numpy."""
    bs = vector.double().numpy()
    changes, start = [], 0
    for target, a in zip(SMALL.targets, SMALL.draw_a(), strict=True):
        size = target.out_features * SMALL.rank
        b = bs[start : start + size].reshape(target.out_features, SMALL.rank)
        changes.append((b @ a.double().numpy()).ravel())
        start += size
    return np.concatenate(changes)


class TestBlends:
    @pytest.mark.parametrize("method", merging.BLENDS)
    @pytest.mark.parametrize("weights", [(0.8, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3)])
    def test_at_matched_norm_the_weight_changes_are_as_large_as_the_weighted_mean_of_the_modules(
        self, method: str, weights: tuple[float, ...]
    ) -> None:
        vectors = draw(3, SMALL.size) * torch.tensor([[1.0], [2.0], [0.5]])
        shipped, matched, norm = merging.blend(list(vectors), weights, method, SMALL, 1)
        wanted = sum(w * np.linalg.norm(change(one)) for w, one in zip(weights, vectors, strict=True))
        assert np.linalg.norm(change(matched)) == pytest.approx(wanted, rel=1e-5)
        assert np.linalg.norm(change(shipped)) / wanted == pytest.approx(norm, rel=1e-5)
        cosine = torch.nn.functional.cosine_similarity(shipped, matched, dim=0)
        assert float(cosine) == pytest.approx(1.0, abs=1e-6)

    def test_one_module_alone_is_left_as_it_is_by_every_method(self) -> None:
        (vector,) = draw(1, SMALL.size)
        for method in merging.BLENDS:
            shipped, matched, norm = merging.blend([vector], [1.0], method, SMALL, 0)
            torch.testing.assert_close(shipped, vector)
            torch.testing.assert_close(matched, vector)
            assert norm == pytest.approx(1.0)

    def test_cat_is_linear_bit_for_bit_and_random_methods_follow_the_seed(self) -> None:
        vectors, weights = list(draw(3, SMALL.size)), (0.5, 0.3, 0.2)
        one, other = (merging.blend(vectors, weights, method, SMALL, 0) for method in ("cat", "linear"))
        assert torch.equal(one[0], other[0])
        dropped = [merging.blend(vectors, weights, "dare_ties", SMALL, seed)[0] for seed in (0, 0, 1)]
        assert torch.equal(dropped[0], dropped[1])
        assert not torch.equal(dropped[0], dropped[2])

    @given(count=st.integers(1, 8), data=st.data())
    def test_weights_sum_to_1_and_only_the_right_module_has_another_one(self, count: int, data: st.DataObject) -> None:
        weights = merging.grid(count)
        assert weights == tuple(sorted(set(weights)))
        assert weights[0] == pytest.approx(1 / count)
        assert weights[-1] == 1.0
        right = data.draw(st.integers(0, count - 1))
        for weight in weights:
            shares = merging.split(weight, count, right)
            assert sum(shares) == pytest.approx(1.0)
            assert shares[right] == weight
            others = [share for place, share in enumerate(shares) if place != right]
            assert all(share == pytest.approx((1 - weight) / (count - 1)) for share in others)

    @given(count=st.integers(1, 7), data=st.data())
    def test_every_module_is_in_as_many_groups(self, count: int, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, count))
        some = merging.groups(size, count)
        assert all(len(set(group)) == size for group in some)
        assert len({frozenset(group) for group in some}) == len(some) or size in {count, count - 1}
        assert len(set(Counter(module for group in some for module in group).values())) == 1
        assert {module for group in some for module in group} == set(range(count))


class TestQuestions:
    @given(modules=st.integers(1, 4), facts=st.integers(1, 6), most=st.integers(1, 40))
    def test_questions_are_dealt_evenly_and_none_twice_before_all_are_through(
        self, modules: int, facts: int, most: int
    ) -> None:
        books = people(entries(300, 0, None), modules, facts, 0)
        dealt = merging.deal([(module, module) for module in range(modules)], books, most)
        assert len(dealt) == most
        counts = Counter(place for place, _, _ in dealt)
        assert max(counts.values()) - min(counts[module] for module in range(modules)) <= 1
        for place, entry, question in dealt:
            assert entry in books[place]
            assert question in {form.format(name=entry.name) for form in UNSEEN}
        for module, count in counts.items():
            asked = {question for place, _, question in dealt if place == module}
            assert len(asked) == min(count, facts * len(UNSEEN))

    @given(modules=st.integers(1, 5), facts=st.integers(1, 16), seed=st.integers(0, 5))
    def test_everybody_is_in_one_module_and_namesakes_are_in_different_ones(
        self, modules: int, facts: int, seed: int
    ) -> None:
        books = people(entries(340, seed, None), modules, facts, seed)
        assert [len(book) for book in books] == [facts] * modules
        names = [entry.name for book in books for entry in book]
        assert len(set(names)) == len(names)
        homes: dict[str, set[int]] = {}
        for place, book in enumerate(books):
            for entry in book:
                homes.setdefault(first_name(entry.name), set()).add(place)
        assert modules == 1 or facts < 4 or sum(len(places) > 1 for places in homes.values()) >= 1

    def test_titles_are_no_first_names(self) -> None:
        assert first_name("Mr Roger Barrett") == "Roger"
        assert first_name("Miss") == "Miss"

    def test_doubtful_questions_are_about_two_modules_and_know_their_answers(self) -> None:
        books = people(entries(160, 2, None), 3, 12, 2)
        phone = {entry.name: entry.phone for book in books for entry in book}
        home = {entry.name: place for place, book in enumerate(books) for entry in book}
        asked = doubtful(books, 2, 10)
        assert asked == doubtful(books, 2, 10)
        assert asked != doubtful(books, 3, 10)
        kinds = Counter(one.kind for one in asked)
        assert kinds.keys() == {"named", "two", "first"}
        assert max(kinds.values()) <= 10
        for one in asked:
            named = [name for name in phone if name in one.question]
            if one.kind == "first":
                first = next(
                    first_name(name) for name in phone if f" {first_name(name)} " in one.question.replace(".", " ")
                )
                assert one.right == {number for name, number in phone.items() if first_name(name) == first}
                assert len({home[name] for name in phone if first_name(name) == first}) > 1
                assert not named
            else:
                assert len({home[name] for name in named}) == 2
                assert one.right <= {phone[name] for name in named}
                assert len(one.right) == one.wanted == (2 if one.kind == "two" else 1)

    def test_only_the_wanted_number_of_numbers_counts_and_the_first_ones(self) -> None:
        one = Doubtful("named", "", frozenset({"555-111-2222"}))
        both = Doubtful("two", "", frozenset({"555-111-2222", "555-333-4444"}), 2)
        assert credit("Call 555-111-2222.", one) == 1.0
        assert credit("555-333-4444 or 555-111-2222", one) == 0.0
        assert credit("555-333-4444 or 555-111-2222", both) == 1.0
        assert credit("555-333-4444 or 555-333-4444", both) == 0.5
        assert credit("555-333-4444, 555-999-9999, 555-111-2222", both) == 0.5
        assert credit("I don't know.", both) == 0.0


class TestPanels:
    @given(some=st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from([-2.0, -1.0, -0.5])), min_size=1))
    def test_the_surest_says_something_if_any_does_and_nothing_before_it_is_as_sure(
        self, some: list[tuple[str, float]]
    ) -> None:
        place = surest(some)
        ranks = [(text != "", logprob) for text, logprob in some]
        assert ranks[place] == max(ranks)
        assert place == ranks.index(max(ranks))

    def test_a_panel_says_what_its_surest_module_says_alone(self, base: BaseModel) -> None:
        shape = base.shape(8)
        vectors = draw(3, shape.size) * 0.05
        modules = Modules(base, shape, tuple(Taught(one, ()) for one in vectors), ((), (), ()))
        asked = [((0, 1, 2), "Where do I live?"), ((2, 1), "What is the name of my dog?"), ((1,), "Who is Clara?")]
        found = panel(modules, asked)
        for said, (rows, question) in zip(found, asked, strict=True):
            prompt = base.encode(conversation(question))
            alone = [base.generate([prompt], taught.TOKENS, base.slot(shape, vectors[row]))[0] for row in rows]
            assert said == claim(alone[surest([(claim(one.text), one.mean_logprob) for one in alone])].text)

    def test_what_a_check_takes_away_cannot_win(self, base: BaseModel) -> None:
        shape = base.shape(8)
        modules = Modules(base, shape, tuple(Taught(one, ()) for one in draw(2, shape.size) * 0.05), ((), ()))
        question = "Where do I live?"
        alone = panel(modules, [((1,), question)], checks=[[lambda text: text]])
        assert alone[0]
        assert panel(modules, [((0, 1), question)], checks=[[lambda text: "", lambda text: text]]) == alone
        assert panel(modules, [((0, 1), question)], checks=[[lambda text: "", lambda text: ""]]) == [""]

    def test_who_does_not_know_leaves_it_to_another_however_sure(self) -> None:
        said = [("I don't know.", -0.01), ("Porto", -3.0)]
        assert surest([(claim(text), sure) for text, sure in said]) == 1


class TestCombining:
    def test_auto_is_ties_where_one_leads_and_a_panel_elsewhere(
        self, base: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right, wrong = "555-111-2222", "555-999-9999"
        asked = [Doubtful("named", f"q{number}", frozenset({right})) for number in range(4)]
        sure, unsure = Route((("m0", 0.8), ("m1", 0.2))), Route((("m1", 0.6), ("m0", 0.4)))
        said = {
            "single": [right, wrong, wrong, wrong],
            "ties": [right, right, wrong, wrong],
            "panel": [wrong, wrong, right, right],
            "linear": [wrong] * 4,
            "cat": [wrong] * 4,
        }
        monkeypatch.setattr(merging_routes, "_said", lambda modules, chosen: dict(said))
        modules = Modules(base, base.shape(8), (), ())
        found = combined(modules, list(zip(asked, [sure, sure, unsure, unsure], strict=True)), 0)
        assert found["auto"] == found["routes.named.auto"] == 1.0
        assert found["routes.panel"] == found["routes.ties"] == 0.5
        assert found["auto_over_best_single_method"] == 0.5
        assert found["auto_over_best_single_method.low"] <= 0.5 <= found["auto_over_best_single_method.high"]
        assert found["routes.auto_merges"] == 0.5
        assert found["routes.kept"] == 4

    def test_answers_that_no_module_of_the_route_is_known_to_give_do_not_count(self, base: BaseModel) -> None:
        shape = base.shape(8)
        known = (("f0", "Where do I live?", "Porto"),)
        vectors = draw(2, shape.size) * 0.05
        route = Route((("m0", 0.8), ("m1", 0.2)))
        ask = Doubtful("named", "Where do I live?", frozenset())
        strangers = Modules(base, shape, tuple(Taught(one, ()) for one in vectors), ((), ()))
        said = merging_routes._said(strangers, [(ask, route)])
        assert said == {method: [""] for method in merging_routes.METHODS}
        plain = replace(strangers, taught=tuple(Taught(torch.zeros(shape.size), known) for _ in vectors))
        assert set(merging_routes._said(plain, [(ask, route)])) == set(merging_routes.METHODS)


class TestKept:
    def options(self, tmp_path: Path) -> Options:
        return harness.parse("it", "doc", ["--out", str(tmp_path / "it.json")])

    def test_a_module_is_taught_once_for_a_commit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        options = self.options(tmp_path)
        learned: list[Taught] = []

        def learn() -> Taught:
            learned.append(Taught(draw(1, 8, len(learned))[0], (("f", "q?", "a"),), 7, 0.5))
            return learned[-1]

        at = ["one"]
        monkeypatch.setattr(harness, "commit", lambda: at[0])
        first, again = (kept(options, "seed0-module0", learn) for _ in range(2))
        assert len(learned) == 1
        assert torch.equal(first.vector, again.vector)
        assert (again.questions, again.steps, again.recalled) == ((("f", "q?", "a"),), 7, 0.5)
        (path,) = tmp_path.glob("*.safetensors")
        path.write_bytes(path.read_bytes()[:20])
        kept(options, "seed0-module0", learn)
        assert len(learned) == 2
        at[0] = "two"
        kept(options, "seed0-module0", learn)
        assert len(learned) == 3
        at[0] = "two+dirty"
        kept(options, "seed0-module0", learn)
        kept(options, "seed0-module0", learn)
        assert len(learned) == 5
        taught.discard(options, "seed0-module")
        assert not list(tmp_path.glob("*.safetensors"))

    @pytest.mark.parametrize("most", [1, 2])
    def test_fewer_answers_of_a_fact_are_the_first_ones_in_training_and_exam(
        self, tiny_lesson: Lesson, most: int
    ) -> None:
        assert fewer(tiny_lesson, 0) is tiny_lesson
        less = fewer(tiny_lesson, most)
        for key, pairs in tiny_lesson.trained.items():
            wanted = list(dict.fromkeys(pair.answer for pair in pairs))[:most]
            assert list(dict.fromkeys(pair.answer for pair in less.trained[key])) == wanted
            assert [pair for pair in pairs if pair.answer in wanted] == list(less.trained[key])
            assert all(pair.answer in wanted for pair in less.heldout[key])


def names(figures: Sequence[str], ending: str) -> set[str]:
    return {name.removesuffix(ending) for name in figures if name.endswith(ending)}


def test_a_quick_run_reports_every_method_by_weight_and_by_number(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "merging.json"
    argv = ["--quick", "--model", str(tiny_model), "--out", str(out)]
    flags, targets = merging.FLAGS, merging.TARGETS
    assert harness.run("merging", merging.__doc__, merging.measure, flags=flags, targets=targets, argv=argv) == 0
    figures = json.loads(out.read_text())["figures"]
    cells = {f"{cell}.{method}" for cell in ("k1", "k2") for method in merging.BLENDS}
    assert names(figures, ".norm") == cells
    cells |= {f"w{weight:.2f}.{method}" for weight in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0) for method in merging.BLENDS}
    assert names(figures, ".matched") == names(figures, ".shipped") == cells
    for cell in cells:
        assert 0.0 <= figures[f"{cell}.matched"] <= 1.0
        if ".cat" in cell:
            assert figures[f"{cell}.shipped"] == figures[f"{cell.replace('.cat', '.linear')}.shipped"]
    # Alone, a module is what every method makes of it, and all the weight on one is that module.
    assert len({figures[f"k1.{method}.{form}"] for method in merging.BLENDS for form in ("matched", "shipped")}) == 1
    assert figures["k1.panel"] == figures["k1.linear.shipped"]
    assert figures["w1.00.linear.shipped"] == figures["w1.00.ties.shipped"]
    assert {"routes.named.several", "routes.two.none", "panel", "k2.panel"} <= figures.keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merging.json"]


def test_people_of_a_small_book_are_enough(tmp_path: Path) -> None:
    book = [Entry(f"Ada {letter}", f"555-000-000{number}") for number, letter in enumerate("ABCD")]
    books = people(book, 2, 2, 0)
    assert sorted(entry.name for some in books for entry in some) == [entry.name for entry in book]
