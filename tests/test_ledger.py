"""The ledger lays a worker's death at the right track's door."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger import MAX_STRIKES, Ledger
from pipeline.reasons import Reason


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def ledger(clock: Clock | None = None, nodes: set[str] | None = None, done: dict | None = None) -> Ledger:
    return Ledger(done or {}, frozenset({"a", "b"}), lambda: nodes or {"node"}, clock or Clock())


def die(book: Ledger, uri: str = "x", fragment: str = "a", limit_s: float = 60.0) -> dict:
    """An actor starts a step and is not heard of again; another takes its item."""
    book.start("item", uri, fragment, "node", limit_s)
    return book.begin("item")


def test_second_death_on_a_step_strikes_it_out() -> None:
    book = ledger()
    assert book.begin("item") == {}
    assert die(book) == {}
    out = die(book)
    assert out[("x", "a")].reason is Reason.CRASHED
    assert out[("x", "a")].attempts == MAX_STRIKES


def test_deaths_on_different_steps_do_not_add_up() -> None:
    book = ledger()
    assert die(book, "x") == {}
    assert die(book, "y") == {}
    assert die(book, "x", "b") == {}


def test_a_note_of_the_time_limit_makes_it_a_timeout() -> None:
    book = ledger()
    die(book)
    book.start("item", "x", "a", "node", 5)
    assert book.begin("item", ran_over=True)[("x", "a")].reason is Reason.TIMEOUT


def test_steps_under_way_show_the_time_they_have_left() -> None:
    clock = Clock()
    book = ledger(clock)
    book.start("item", "x", "a", "node", 5)
    clock.now_s = 2
    assert book.under_way() == [("x", "a", 3)]


def test_last_words_say_memory() -> None:
    book = ledger()
    die(book)
    book.start("item", "x", "a", "node", 60)
    book.blame("item", Reason.MEMORY)
    assert book.begin("item")[("x", "a")].reason is Reason.MEMORY


def test_losing_a_node_is_no_strike() -> None:
    book = ledger(nodes={"another"})
    for _ in range(5):
        assert die(book) == {}


def test_a_finished_item_leaves_no_strike() -> None:
    book = ledger()
    for _ in range(5):
        book.start("item", "x", "a", "node", 60)
        book.finish("item")
        assert book.begin("item") == {}


def test_a_content_is_claimed_by_one_file_which_may_ask_again() -> None:
    book = ledger(done={"t": frozenset({"a"})})
    assert book.claim("t", "first") == {"b"}
    assert book.claim("t", "second") == frozenset()
    assert book.claim("t", "first") == {"b"}
    assert book.claim("new", "second") == {"a", "b"}


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.booleans()), max_size=40))
def test_only_steps_that_died_twice_are_struck_out(history: list[tuple[str, bool]]) -> None:
    book = ledger()
    deaths = dict.fromkeys("xyz", 0)
    for uri, dies in history:
        book.start("item", uri, "a", "node", 60)
        if dies:
            deaths[uri] += 1
        else:
            book.finish("item")
        out = book.begin("item")
        assert {key[0] for key in out} == {u for u, count in deaths.items() if count >= MAX_STRIKES}
