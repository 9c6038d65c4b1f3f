"""The data card of a pack: what is in it, where it is from, and what is known of its windows, in Markdown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.printable import printable
from training.conditions import BY_NAME

_MOST_RIGHTS = 20


def card(document: Mapping[str, Any], rights: Counter[str], left_out: Mapping[str, int]) -> str:
    """The card of a pack, from its ``pack.json``, and from its tracks by their rights tag."""
    parts = [
        f"# Pack for {document['task']}",
        _what(document),
        _table(("meaning of the payload", "value"), document["payload"]["spec"].items()),
        "## Where it is from",
        _table(
            ("dataset", "snapshot", "of", "seed of its split"),
            ((each["dataset"], each["name"], each["created_at"], each["split_seed"]) for each in document["snapshots"]),
        ),
        "A split never shares a track or an artist with another one.",
        "## How much it is",
        _table(
            ("split", "tracks", "windows", "hours"),
            ((name, s["tracks"], s["windows"], f"{s['hours']:.3f}") for name, s in document["splits"].items()),
        ),
        *(f"Left out: {count} tracks {why}." for why, count in sorted(left_out.items())),
        "## Rights",
        "What the files or their metadata say of rights, and how many tracks say so. It is for you to judge.",
        _table(("rights", "tracks"), _most_common(rights)),
        "## Conditions",
        "Means and deviations are over the train split; those of curves over values that are not 0.",
        _table(("condition", "windows that have it", "mean", "deviation", "what it is"), _conditions(document)),
        "## Mean and deviation of the payload",
        _statistics(document["statistics"]),
    ]
    return "\n\n".join(parts) + "\n"


def _what(document: Mapping[str, Any]) -> str:
    payload = document["payload"]
    shape = " x ".join(str(size) for size in payload["shape"])
    align = "within sections" if document["request"]["align"] == "section" else "over the whole track"
    return (
        f"Windows of {document['window_s']:g} s every {document['hop_s']:g} s, {align}, shuffled with seed"
        f" {document['seed']}. The payload `{payload['name']}` is {shape} of `{payload['dtype']}`,"
        f" {payload['rate_hz']:g} frames a second."
    )


def _statistics(statistics: Mapping[str, float] | None) -> str:
    if statistics is None:
        return "None: tokens are not normalised."
    return f"Mean {statistics['mean']:.6g}, deviation {statistics['std']:.6g}, over the train split."


def _conditions(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{100 * facts['present_share']:.1f} %",
            "" if facts["mean"] is None else f"{facts['mean']:.4g}",
            "" if facts["std"] is None else f"{facts['std']:.4g}",
            BY_NAME[name].doc,
        )
        for name, facts in document["conditions"].items()
    ]


def _most_common(rights: Counter[str]) -> list[tuple[str, int]]:
    ordered = sorted(rights.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_MOST_RIGHTS:])
    shown = [(words or "(nothing is said)", count) for words, count in ordered[:_MOST_RIGHTS]]
    return [*shown, ("(others)", rest)] if rest else shown


def _table(columns: Sequence[str], rows: Any) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return printable(str(value)).replace("|", "\\|")
