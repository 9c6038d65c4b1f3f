"""Make sound with a trained run.

A latent diffusion model and a codec language model make what a prompt and the other options say, as far as they were
trained to know it; a VAE decodes draws of its prior. FILE.json beside FILE.wav says all that is needed to repeat it.
"""

import argparse
import dataclasses
import json
import sys

from jobs.extras import require
from jobs.generating.output import json_path, write
from jobs.generating.request import MAX_DURATION_S, TEMPI_BPM, Request
from jobs.generating.vocoders import HELP
from jobs.trained_runs import CHECKPOINT_HELP
from jobs.weights import use_store
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable
from pipeline.uris import local_path
from training.errors import SettingError
from training.generating.how import MAX_STEPS
from training.generating.templates import TEMPLATES

EXAMPLE = 'muze generate --run runs/songs --prompt "a slow piano ballad" --out ballad.wav --template verse_chorus'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", required=True, dest="run_folder", metavar="RUN", help="folder of a run")
    parser.add_argument("--checkpoint", default="best", metavar="STEP|last|best", help=CHECKPOINT_HELP)
    parser.add_argument("--out", required=True, metavar="FILE.wav", help="the sound; FILE.json is written beside it")
    parser.add_argument("--prompt", metavar="TEXT", help="what it should be like (default: the model decides)")
    longest = f"{MAX_DURATION_S:g} at most"
    parser.add_argument("--duration", type=float, metavar="S", help=f"seconds, {longest} (default: those of a window)")
    parser.add_argument("--template", metavar="T", help=f"sections, one after another: {', '.join(TEMPLATES)}")
    parser.add_argument("--style-of", metavar="ARTIST|FILE", help="the voice of an artist of the packs, or of a file")
    parser.add_argument("--lyrics", metavar="TEXT", help="what is sung, from the start, for models that know phonemes")
    parser.add_argument("--language", default="en", metavar="CODE", help="of the lyrics (default: en)")
    parser.add_argument("--tempo", type=float, metavar="BPM", help="beats a minute, {:g} to {:g}".format(*TEMPI_BPM))
    parser.add_argument("--key", metavar="KEY", help="such as 'C major' or 'F# minor'")
    parser.add_argument("--genre", metavar="G", help="as the dataset names it")
    parser.add_argument("--continue-from", metavar="FILE", help="audio that a language model goes on from")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another one is another piece (default: 0)")
    parser.add_argument("--cfg", type=float, metavar="X", help="how much to heed what is asked for (default: 3)")
    parser.add_argument("--steps", type=int, metavar="N", help=f"of diffusion, {MAX_STEPS} at most (default: 50)")
    parser.add_argument("--sampler", metavar="S", help="euler, ddim, ddpm or dpm-solver (default: by the objective)")
    parser.add_argument("--temperature", type=float, metavar="X", help="of tokens; 0: the likeliest (default: 1)")
    parser.add_argument("--top-k", type=int, metavar="N", help="of the N likeliest tokens; 0: of all (default: 250)")
    parser.add_argument("--top-p", type=float, metavar="X", help="of those that together have this probability")
    parser.add_argument("--candidates", type=int, default=1, metavar="N", help="make N, take what fits best by CLAP")
    parser.add_argument("--vocoder", metavar="V", help=HELP)
    parser.add_argument(
        "--weights", metavar="DIR", help="weights store (default: $MUZE_WEIGHTS, else the user's cache)"
    )
    parser.add_argument("--json", action="store_true", help="print what FILE.json says on stdout")


def run(args: argparse.Namespace) -> int:
    require("torch", "train", "it")
    use_store(args.weights)
    from jobs.generating.perform import perform

    names = [field.name for field in dataclasses.fields(Request) if field.name != "run"]
    try:
        request = Request(
            run=str(local_path(args.run_folder, "--run")), **{name: getattr(args, name) for name in names}
        )
        for path in (out := local_path(request.out, "--out"), json_path(out)):
            require_writable(path)
        piece = perform(request)
    except SettingError as error:
        raise BadArgumentError(str(error)) from error
    for note in piece.document["notes"]:
        print(f"muze generate: {note}", file=sys.stderr)
    document = write(out, piece.samples, piece.rate_hz, piece.document)
    print(json.dumps(document) if args.json else f"{out} and {json_path(out)}")
    return 0
