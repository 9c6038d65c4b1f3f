"""Turn folders of music into a dataset, or bring one up to date.

Run it again at any time, after a crash too: it does what is left and nothing twice.
"""

import argparse
import dataclasses
import json
import os

from jobs.named_recipes import load_recipe
from jobs.weights import actor_memory_gib, check_weights, recipe_with_weights, use_store
from pipeline.errors import BadArgumentError
from pipeline.limits import Limits
from pipeline.progress import Progress
from pipeline.run import BuildOptions, check_error_limit, look, prepare
from schemas.fragments.tracks import TRACKS

EXAMPLE = "muze build ~/Music --out dataset --recipe bundled"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("music", nargs="+", metavar="MUSIC", help="folder, file, glob, or fsspec URL")
    parser.add_argument("--out", required=True, metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument(
        "--recipe", default="full", help="bundled, full, permissive, training, or a YAML (default: full)"
    )
    parser.add_argument("--only", metavar="F,F", help="compute these fragments and what they read")
    parser.add_argument("--limit", type=int, metavar="N", help="take only the first N files")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="skip files whose path matches")
    parser.add_argument("--metadata", metavar="FILE.csv", help="sidecar with a column 'path', joined to the files")
    parser.add_argument("--address", default=os.environ.get("RAY_ADDRESS"), help="Ray cluster to join")
    parser.add_argument(
        "--weights", metavar="DIR", help="weights store (default: $MUZE_WEIGHTS, else the user's cache)"
    )
    parser.add_argument("--skip-missing", action="store_true", help="leave out fragments whose weights are missing")
    parser.add_argument("--retry-failures", action="store_true", help="try again what failed before")
    parser.add_argument("--error-limit", type=float, default=0.5, help="failed share that makes the run fail")
    parser.add_argument("--max-duration-s", type=float, default=1800.0, help="refuse longer tracks")
    parser.add_argument("--time-limit-s", type=float, default=60.0, help="shortest time limit a track and fragment")
    parser.add_argument("--actor-memory-gib", type=float, help="memory limit a worker (default: 3 and its weights)")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and stop")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    progress = Progress()
    asked = options(args)
    request = look(asked)
    use_store(args.weights)
    recipe, left_out = recipe_with_weights(asked.recipe, asked.only, args.skip_missing)
    if left_out:
        progress.say(f"left out for want of weights: {', '.join(left_out)}; get them with 'muze models pull'")
    if args.actor_memory_gib is None:
        limits = dataclasses.replace(asked.limits, actor_memory_gib=actor_memory_gib(recipe))
        asked = dataclasses.replace(asked, limits=limits)
    only = [name for name in asked.only if name not in left_out]
    build = prepare(dataclasses.replace(asked, recipe=recipe, only=only or (asked.only and [TRACKS.name])), request)
    if build.plan.tasks:
        check_weights(recipe, build.wishes.fragments)
    progress.show_plan(build.plan, build.discovery)
    if args.dry_run:
        if args.json:
            print(json.dumps(build.plan.report()))
        return 0
    tally = build.run(progress)
    progress.show_report(tally)
    if args.json:
        print(json.dumps(tally.report()))
    check_error_limit(tally, args.error_limit)
    return 0


def options(args: argparse.Namespace) -> BuildOptions:
    """Check the arguments and turn them into what a build asks for."""
    _positive("--limit", args.limit)
    _positive("--max-duration-s", args.max_duration_s)
    _positive("--time-limit-s", args.time_limit_s)
    _positive("--actor-memory-gib", args.actor_memory_gib)
    if not 0 <= args.error_limit <= 1:
        raise BadArgumentError(f"--error-limit is {args.error_limit:g}: expected a share from 0 to 1")
    only = [name.strip() for name in (args.only or "").split(",") if name.strip()]
    if args.only is not None and not only:
        raise BadArgumentError(f"--only is {args.only!r}: expected fragments, such as level,rhythm")
    return BuildOptions(
        sources=args.music,
        out=args.out,
        recipe=load_recipe(args.recipe),
        only=only,
        limit=args.limit,
        address=args.address,
        retry_failures=args.retry_failures,
        max_duration_s=args.max_duration_s,
        limits=Limits(
            time_limit_s=args.time_limit_s, actor_memory_gib=args.actor_memory_gib or Limits.actor_memory_gib
        ),
        exclude=args.exclude,
        metadata=args.metadata,
    )


def _positive(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise BadArgumentError(f"{name} is {value:g}: expected more than 0")
