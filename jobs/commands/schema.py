"""Show the columns that datasets have: types, units and meanings."""

import argparse
import difflib
import json
from typing import Any

from jobs.tables import render
from pipeline.errors import BadArgumentError
from pipeline.fragments import known_fragments
from schemas.docs import columns_page, describe_fragment, describe_table
from schemas.tables import TABLES

EXAMPLE = "muze schema show rhythm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "show", "docs"), help="docs prints the page docs/columns.md")
    parser.add_argument("name", metavar="FRAGMENT", nargs="?", help="fragment or table, for show")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout, for list and show")


def run(args: argparse.Namespace) -> int:
    if (args.action == "show") != (args.name is not None):
        needs = "needs the name of a fragment" if args.action == "show" else "takes no name"
        raise BadArgumentError(f"schema {args.action} {needs}: muze schema list shows the names there are")
    if args.action == "docs":
        print(columns_page(known_fragments().values(), TABLES), end="")
    elif args.action == "list":
        documents = list(all_schemas().values())
        print(json.dumps(documents, indent=1) if args.json else _overview(documents))
    else:
        document = find_schema(args.name)
        print(json.dumps(document, indent=1) if args.json else _text(document))
    return 0


def all_schemas() -> dict[str, dict[str, Any]]:
    """Every fragment and table, as documents."""
    fragments = {name: describe_fragment(fragment) for name, fragment in known_fragments().items()}
    return fragments | {name: describe_table(name, schema) for name, schema in TABLES.items()}


def find_schema(name: str) -> dict[str, Any]:
    """The document of a fragment or table. Raises BadArgumentError if there is none of that name."""
    known = all_schemas()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise BadArgumentError(f"there is no fragment {name!r}{hint}: there are {', '.join(known)}")
    return known[name]


def _overview(documents: list[dict[str, Any]]) -> str:
    rows = [
        {
            "fragment": document["name"],
            "version": document["version"],
            "columns": ", ".join(c["name"] for c in document["columns"] if "[]" not in c["name"]),
        }
        for document in documents
    ]
    return render(("fragment", "version", "columns"), rows)


def _text(document: dict[str, Any]) -> str:
    version = f", version {document['version']}: {document['doc']}" if document["version"] else ""
    lines = [f"{document['name']}{version}", ""]
    for column in document["columns"]:
        unit = f" in {column['unit']}" if column["unit"] else ""
        lines += [f"{column['name']}  {column['type']}{unit}", f"    {column['doc']}"]
    return "\n".join(lines)
