"""List, pull and verify the weights of the models: what each is, its licence, and whether it is on this machine.

Weights that ship inside installed packages need no pull. The others are kept in a store: a folder that --weights or
MUZE_WEIGHTS names, else the user's cache. A machine without network gets them through a bundle. What muze train vae-...
has written into the store is listed and verified with them, and travels as they do.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from featurizers.trained_weights import PREFIX
from featurizers.weights import known_weights, verify, weight_of
from featurizers.weights_store import Store, store
from jobs.model_docs import markdown
from jobs.tables import readable_bytes, render
from jobs.weights import PullProgress, commercial_use, names_for, state_of, use_store
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable
from pipeline.pull import pull, read_bundle, write_bundle
from pipeline.uris import local_path

EXAMPLE = "muze models pull --recipe full"
_COLUMNS = ("name", "state", "size", "licence", "commercial_use", "loaded_by")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "pull", "verify", "docs"))
    parser.add_argument("names", metavar="NAME", nargs="*", help="weights; by default those that --recipe loads")
    parser.add_argument("--recipe", help="recipe whose weights are meant (default: full; list shows all)")
    parser.add_argument("--weights", metavar="DIR", help="the store (default: $MUZE_WEIGHTS, else the user's cache)")
    parser.add_argument("--bundle", metavar="FILE.tar", help="for pull: write them to a file as well")
    parser.add_argument("--from", dest="source", metavar="FILE.tar", help="for pull: take them from a file")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def run(args: argparse.Namespace) -> int:
    use_store(args.weights)
    args.bundle = args.bundle and local_path(args.bundle, "--bundle")
    args.source = args.source and local_path(args.source, "--from")
    if args.action != "pull" and (args.bundle or args.source):
        raise BadArgumentError(f"models {args.action} takes neither --bundle nor --from: they belong to pull")
    if args.bundle:
        require_writable(args.bundle, option="--bundle")
    if args.action == "docs":
        if args.names or args.recipe:
            raise BadArgumentError("models docs takes neither names nor --recipe: it prints the page of all weights")
        print(markdown(), end="")
        return 0
    shows_all = args.action == "list" and not args.recipe
    meant = args.names or (known_weights() if shows_all else names_for(args.recipe or "full"))
    names = [name for name in meant if _known(name)]
    if args.action == "list":
        _show([describe(name) for name in names], args.json)
        return 0
    if args.action == "verify":
        trained = [name for name in known_weights() if name.startswith(PREFIX)]
        return _verify(names if args.names else [*names, *trained], args.json)
    return _pull(store(), names, args)


def _known(name: str) -> bool:
    try:
        weight_of(name)
    except KeyError:
        raise BadArgumentError(f"unknown weight {name!r}: expected one of {', '.join(known_weights())}") from None
    return True


def describe(name: str) -> dict[str, Any]:
    """A weight as ``models list --json`` has it."""
    weight = weight_of(name)
    return {
        "name": name,
        "state": state_of(name),
        "size_bytes": weight.size_bytes,
        "licence": weight.licence,
        "commercial_use": weight.commercial_use,
        "licence_note": weight.licence_note,
        "source": weight.source,
        "revision": getattr(weight.origin, "revision", None) or getattr(weight.origin, "version", None),
        "fragments": list(weight.fragments),
        "commands": list(weight.commands),
    }


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows))
        return
    print(render(_COLUMNS, [_readable(row) for row in rows]))


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    size = "unknown" if row["size_bytes"] is None else readable_bytes(row["size_bytes"])
    loaded_by = ", ".join(weight_of(row["name"]).loaded_by)
    return row | {"size": size, "commercial_use": commercial_use(row["commercial_use"]), "loaded_by": loaded_by}


def _verify(names: Sequence[str], as_json: bool) -> int:
    found = {name: verify(name) for name in names}
    if as_json:
        print(
            json.dumps([{"name": name, "ok": not problems, "problems": problems} for name, problems in found.items()])
        )
    else:
        for name, problems in found.items():
            print(f"{name}: {'; '.join(problems) or 'ok'}")
    return 1 if any(found.values()) else 0


def _pull(target: Store, names: Sequence[str], args: argparse.Namespace) -> int:
    if args.source:
        names = read_bundle(target, args.source)
    else:
        with PullProgress() as progress:
            for name in names:
                pull(target, weight_of(name), progress.of(name))
    if args.bundle:
        write_bundle(target, [name for name in names if not weight_of(name).packaged], args.bundle)
    _show([describe(name) for name in names if name in known_weights()], args.json)
    return 0
