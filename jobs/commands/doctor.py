"""Check that this machine has what muze needs, and show what the licences of the weights allow."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from featurizers.weights import known_weights
from jobs.checks import FAIL, OK, WARN, Check, check_machine
from jobs.tables import render
from jobs.weights import commercial_use, names_for, state_of

EXAMPLE = "muze doctor"
RECIPES = ("bundled", "permissive", "full", "training")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ray", action="store_true", help="also start Ray on this machine, which takes seconds")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    checks = check_machine(args.ray)
    failed = [check for check in checks if check.state == FAIL]
    if args.json:
        document = {"ok": not failed, "checks": [asdict(check) for check in checks], "weights": licences()}
        print(json.dumps(document))
    else:
        print(_text(checks))
    return 1 if failed else 0


def licences() -> list[dict[str, Any]]:
    """What every weight file is, where it is from, and what its licence allows."""
    return [
        {
            "name": weight.name,
            "state": state_of(weight.name),
            "size_bytes": weight.size_bytes,
            "source": weight.source,
            "licence": weight.licence,
            "commercial_use": weight.commercial_use,
            "licence_note": weight.licence_note,
        }
        for weight in known_weights().values()
    ]


def _text(checks: list[Check]) -> str:
    lines = [f"{check.state:<5} {check.name}: {check.detail}" for check in _grouped(checks)]
    weights = [row | {"commercial_use": commercial_use(row["commercial_use"])} for row in licences()]
    lines += ["", render(("name", "licence", "commercial_use", "source"), weights), ""]
    num_failed = sum(check.state == FAIL for check in checks)
    lines.append(f"{num_failed} checks failed" if num_failed else "all is well")
    return "\n".join(lines)


def _grouped(checks: list[Check]) -> Iterator[Check]:
    """The checks for a person: packages and weights that are well are counted, those not pulled go by recipe."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        kind = check.name.partition(" ")[0] if check.name.startswith(("package ", "weights ")) else check.name
        groups.setdefault((kind, check.state), []).append(check)
    for kind_and_state, group in groups.items():
        if kind_and_state == ("package", OK):
            yield Check("packages", OK, f"{len(group)} installed")
        elif kind_and_state == ("weights", OK):
            yield Check("weights", OK, f"{len(group)} as pinned")
        elif kind_and_state == ("weights", WARN):
            yield from _not_pulled({check.name.removeprefix("weights ") for check in group})
        else:
            yield from group


def _not_pulled(missing: set[str]) -> Iterator[Check]:
    loaded: set[str] = set()
    for recipe in RECIPES:
        names = set(names_for(recipe))
        loaded |= names
        if lacking := names & missing:
            remedy = f"'muze models pull --recipe {recipe}'"
            yield Check(f"recipe {recipe}", WARN, f"{len(lacking)} of {len(names)} weights not pulled: {remedy}")
    if others := missing - loaded:
        detail = f"{len(others)} not pulled, which no recipe that ships with muze loads: see 'muze models list'"
        yield Check("other weights", WARN, detail)
