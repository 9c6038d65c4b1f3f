"""Work items keep every task, in order, within their bounds."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.discover import SourceFile
from pipeline.items import MAX_TASKS, Task, group, item_cost_s


def tasks(costs_s: list[float]) -> list[Task]:
    return [Task(SourceFile(f"/{i}.wav", 1), None, frozenset({"a"}), cost_s) for i, cost_s in enumerate(costs_s)]


@given(st.lists(st.floats(0.01, 200), max_size=300), st.floats(1, 100))
def test_every_task_is_in_exactly_one_item(costs_s: list[float], cost_s: float) -> None:
    planned = tasks(costs_s)
    items = list(group(planned, cost_s))
    assert [task for item in items for task in item.tasks] == planned
    for item in items:
        assert 1 <= len(item.tasks) <= MAX_TASKS
        assert len(item.tasks) == 1 or sum(task.cost_s for task in item.tasks) <= cost_s + 1e-6


def test_item_ids_name_the_work() -> None:
    [one] = group(tasks([1, 1]), 60)
    [same] = group(tasks([2, 2]), 60)
    assert one.item_id == same.item_id
    [other] = group([*tasks([1]), Task(SourceFile("/1.wav", 1), None, frozenset({"a", "b"}), 1)], 60)
    assert one.item_id != other.item_id


@given(st.floats(0, 1e7), st.integers(1, 500))
def test_items_are_worth_a_minute_at_most_and_leave_no_actor_idle(total_s: float, num_actors: int) -> None:
    cost_s = item_cost_s(total_s, num_actors)
    assert 2 <= cost_s <= 60
    assert cost_s <= max(2, total_s / num_actors)
