"""Draw one track: waveform, spectrogram, beats, chords, sections, F0, words.

As one HTML page that plays the track, needs no network and holds everything (the sound as Opus, about 0.6 MB a
minute), or as a PNG. What the dataset lacks is an empty lane that says why. A file of that name is replaced.
"""

import argparse
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from featurizers.audio import Audio
from jobs.pictures.track_audio import opus_webm, read_audio
from jobs.pictures.track_facts import picture_name
from jobs.pictures.track_html import page_of
from jobs.pictures.track_lanes import FRAGMENTS
from jobs.pictures.track_picture import picture_of
from jobs.pictures.track_png import png_of
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import BadArgumentError
from pipeline.reasons import Refused
from pipeline.track_names import MIN_ID_CHARACTERS, tracks_named
from pipeline.track_rows import track_rows

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
    if args.out is not None:
        _check_out(Path(args.out))
    _check_installed("matplotlib" if str(args.out).lower().endswith(".png") else "jinja2")
    dataset = open_dataset(args.dataset)
    track = track_rows(dataset, _track_id(dataset, args.track), FRAGMENTS)
    out = Path(args.out) if args.out is not None else Path(f"{picture_name(track)}.html")
    audio: Audio | None = None
    silent = ""
    try:
        audio = read_audio(track)
    except Refused as refusal:
        silent = str(refusal)
    picture = picture_of(track, audio, silent)
    if out.suffix.lower() == ".png":
        _write(out, png_of(picture))
    else:
        _write(out, page_of(picture, opus_webm(audio) if audio else None).encode())
    if silent:
        print(f"without sound: {silent}", file=sys.stderr)
    print(out)
    return 0


def _check_out(out: Path) -> None:
    if out.suffix.lower() not in _SUFFIXES:
        raise BadArgumentError(f"--out is {str(out)!r}: expected a name that ends in {' or '.join(_SUFFIXES)}")
    if out.is_dir():
        raise BadArgumentError(f"--out {str(out)!r} is a folder: give the name of a file")


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise BadArgumentError(f"pictures need {package}, which is not installed: pip install 'muze[pictures]'")


def _track_id(dataset: Dataset, name: str) -> str:
    found = tracks_named(dataset, name, min_id_characters=MIN_ID_CHARACTERS)
    if len(found) == 1:
        return found[0]
    expected = f"expected a track_id, its first {MIN_ID_CHARACTERS} characters or more, or a file of the dataset"
    if not found:
        raise BadArgumentError(f"no track is called {name!r}: {expected}; 'muze query' lists them")
    some = ", ".join(found[:_SHOWN_IDS]) + (" ..." if len(found) > _SHOWN_IDS else "")
    raise BadArgumentError(f"{name!r} may be {len(found)} tracks: {expected}; it could be {some}")


def _write(out: Path, data: bytes) -> None:
    """Whole or not at all."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=out.parent, prefix=".muze-show-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, out)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {str(out)!r}: {error.strerror}") from error
