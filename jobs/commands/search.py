"""Find the tracks that are nearest to a text, a sound or another track.

By CLAP embeddings (what it sounds like; text too) or by singer embeddings (whose voice). Exact up to a million tracks;
above, an index is built beside the dataset at the first search and rebuilt when the dataset has changed.
"""

import argparse
import json

from jobs.tables import render
from jobs.weights import use_store
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.search import SPACES, Search, described

EXAMPLE = 'muze search dataset --text "slow piano, no drums" -k 5'
_COLUMNS = ("rank", "score", "title", "artist", "duration_s", "track_id", "uri")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument("--text", metavar="TEXT", help="words that describe the sound; with --by clap")
    query.add_argument("--audio", metavar="FILE", help="an audio file or URL")
    query.add_argument("--track", metavar="ID", help="a track_id or its first four characters or more, or a file")
    parser.add_argument("--by", choices=tuple(SPACES), default="clap", help="which embeddings (default: clap)")
    parser.add_argument("-k", type=int, default=10, metavar="N", help="how many tracks (default: 10)")
    parser.add_argument(
        "--weights", metavar="DIR", help="weights store (default: $MUZE_WEIGHTS, else the user's cache)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def run(args: argparse.Namespace) -> int:
    if args.k < 1:
        raise BadArgumentError(f"-k is {args.k}: expected 1 or more")
    use_store(args.weights)
    dataset = open_dataset(args.dataset)
    search = Search.of(dataset, args.by)
    if args.track is not None:
        track_id, query = search.of_track(args.track)
        found = [pair for pair in search.nearest(query, args.k + 1) if pair[0] != track_id][: args.k]
    else:
        query = search.of_text(args.text) if args.text is not None else search.of_audio(args.audio)
        found = search.nearest(query, args.k)
    rows = described(dataset, found)
    print(json.dumps(rows) if args.json else render(_COLUMNS, rows))
    return 0
