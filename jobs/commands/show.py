"""Draw one track: waveform, spectrogram, beats, chords, sections, F0, words.

As one HTML page that plays the track, needs no network and holds everything (the sound as Opus, about 0.6 MB a
minute), or as a PNG. What the dataset lacks is an empty lane that says why. A file of that name is replaced.
"""

import argparse
import sys
from pathlib import Path

from featurizers.audio import Audio
from jobs.extras import require
from jobs.pictures.track_audio import opus_webm, read_audio
from jobs.pictures.track_facts import picture_name
from jobs.pictures.track_html import page_of
from jobs.pictures.track_lanes import FRAGMENTS
from jobs.pictures.track_picture import picture_of
from jobs.pictures.track_png import png_of
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable, write_whole
from pipeline.reasons import Refused
from pipeline.track_names import EXPECTED, tracks_named
from pipeline.track_rows import track_rows
from pipeline.uris import local_path

EXAMPLE = 'muze show dataset "Night Ferry.ogg" --out ferry.html'
_SUFFIXES = (".html", ".png")
_SHOWN_IDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("track", metavar="TRACK", help="a track_id or its first four characters or more, or a file")
    parser.add_argument(
        "--out", metavar="FILE", help="what to write: .html or .png (default: the title, .html, in the current folder)"
    )


def run(args: argparse.Namespace) -> int:
    chosen = None if args.out is None else local_path(args.out, "--out")
    if chosen is not None:
        require_writable(chosen, *_SUFFIXES)
    require("matplotlib" if str(chosen).lower().endswith(".png") else "jinja2", "pictures", "a picture")
    dataset = open_dataset(args.dataset)
    track = track_rows(dataset, _track_id(dataset, args.track), FRAGMENTS)
    out = chosen or Path(f"{picture_name(track)}.html")
    audio: Audio | None = None
    silent = ""
    try:
        audio = read_audio(track)
    except Refused as refusal:
        silent = str(refusal)
    picture = picture_of(track, audio, silent)
    if out.suffix.lower() == ".png":
        write_whole(out, png_of(picture))
    else:
        write_whole(out, page_of(picture, opus_webm(audio) if audio else None).encode())
    if silent:
        print(f"without sound: {silent}", file=sys.stderr)
    print(out)
    return 0


def _track_id(dataset: Dataset, name: str) -> str:
    found = tracks_named(dataset, name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadArgumentError(f"no track is called {name!r}: {EXPECTED}; 'muze query' lists them")
    some = ", ".join(found[:_SHOWN_IDS]) + (" ..." if len(found) > _SHOWN_IDS else "")
    raise BadArgumentError(f"{name!r} may be {len(found)} tracks: {EXPECTED}; it could be {some}")
