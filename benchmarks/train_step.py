"""Training steps of muze's loop beside a plain PyTorch loop over the same module and batches, in one process.

``python benchmarks/train_step.py [--steps N] [--precision fp32,bf16] [--compile no,yes] [--only vae-tiny,...]``, and on
a GPU ``--gpu``. Prints a Markdown table. The plain loop gets its batches for nothing, keeps no average and checks
nothing; both take the same steps, and it stops if their losses differ. The better of two rounds counts.
"""

import argparse
import gc
import json
import math
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SIZES = {
    "vae-tiny": ("vae-tiny", ["task.mel=32k"]),
    "vae-small": ("vae-tiny", ["task.mel=32k", "task.channels=[32, 64, 96, 128]"]),
    "ldm-tiny": ("ldm-tiny", []),
    "ldm-small": ("ldm-tiny", ["task.channels=64", "task.num_res_blocks=2"]),
    "codec-lm-tiny": ("codec-lm-tiny", ["task.window_frames=128"]),
    "codec-lm-small": ("codec-lm-tiny", ["task.window_frames=128", "task.layers=4", "task.width=256"]),
}
"""Name -> preset, and what is set."""
GPU_SIZES = {
    "ldm-256": ("ldm-256", ["task.text_encoder=", "looping.batch_windows=16", "looping.micro_windows=16"]),
    "codec-lm-a": ("codec-lm-a", ["task.text_encoder=", "looping.batch_windows=16", "looping.micro_windows=16"]),
    "codec-lm-b": ("codec-lm-b", ["task.text_encoder=", "looping.batch_windows=32", "looping.micro_windows=32"]),
}
"""Without text encoders, whose weights a benchmark should not need, and with activations kept."""
STEADY = [
    "optimizing.schedule=constant",
    "optimizing.warmup_share=0",
    "optimizing.learning_rate=1e-4",
    "looping.sample_every=0",
]
"""So small a rate that the last digits, in which fused and plain AdamW differ, do not grow step by step."""
ROUNDS = 2
_STEPS_OF_DATA = 4
_TOLERANCE = {"fp32": 1e-3, "bf16": 3e-2}
"""Between the losses of both, relative."""


@dataclass(frozen=True)
class Case:
    """What is timed, and how."""

    name: str
    precision: str
    compile: bool
    device: str
    steps: int

    def preset(self) -> Any:
        from training.presets import preset_of

        preset, settings = (GPU_SIZES if self.device == "cuda" else SIZES)[self.name]
        looping = {
            "steps": 2 * self.steps,  # the first half warms up
            "log_every": self.steps,
            "validate_every": 10**9,
            "save_every": 10**9,
            "precision": self.precision,
            "compile": str(self.compile).lower(),
            "checkpoint_blocks": "false",
        }
        given = [f"looping.{name}={value}" for name, value in looping.items()]
        return preset_of(preset, [*settings, *STEADY, *given])


class Figures:
    """In place of a logbook: keeps what the loop writes."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def write(self, _step: int, entries: Any) -> None:
        if "windows_a_s" in entries:  # there is no validation to speak of
            self.kept.append(dict(entries))


def ours(preset: Any, stream: Any, device: str) -> list[dict[str, Any]]:
    """Figures of both halves."""
    from training.checkpoint import Checkpoints
    from training.loop import Loop
    from training.workers import Workers

    figures: Any = Figures()
    with tempfile.TemporaryDirectory(prefix="muze-train-step-") as folder:
        Loop(preset, stream, Checkpoints(Path(folder), 1), figures, Workers(device=device)).run()
    return list(figures.kept)


def measured(case: Case) -> dict[str, Any]:
    """A row of the table. Stops the program if the two loops do not learn alike."""
    from benchmarks.noise_pack import payload_of, write_pack
    from benchmarks.plain_loop import plain
    from training.fit import fitted
    from training.meters import matrix_flops_a_s
    from training.pack import Pack
    from training.stream import Stream
    from training.workers import Workers

    preset = case.preset()
    windows = preset.looping.batch_windows
    with tempfile.TemporaryDirectory(prefix="muze-train-step-") as folder:
        write_pack(Path(folder), payload_of(preset.task), _STEPS_OF_DATA * windows)
        pack = Pack.open(folder)
        preset = fitted(preset, pack.payload)
        workers, conditions = Workers(device=case.device), preset.task.conditions
        stream = Stream([pack], workers, preset.looping.seed, conditions)
        batches = [part for [part] in islice(stream.batches("train", 0, windows, windows), 2 * case.steps)]
        best: dict[str, Any] = {}
        for _ in range(ROUNDS):
            theirs = _alone(plain, preset, batches, case.device)
            found = _alone(ours, preset, stream, case.device)
            _check(case, theirs, found)
            best = _better(best, {**found[-1], "plain_windows_a_s": theirs[-1]["windows_a_s"]})
    return {
        **vars(replace(case)),
        "windows_a_s": best["windows_a_s"],
        "plain_windows_a_s": best["plain_windows_a_s"],
        "ratio": best["windows_a_s"] / best["plain_windows_a_s"],
        "mfu": best["mfu"],
        "data_wait_share": best["data_wait_share"],
        "memory_gib": best["memory_gib"],
        "matrix_tflops_a_s": matrix_flops_a_s(case.device, case.precision) / 1e12,
    }


def _alone(loop: Any, preset: Any, data: Any, device: str) -> list[dict[str, Any]]:
    """Run a loop that finds nothing of the one before in memory."""
    import torch

    torch.compiler.reset()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return list(loop(preset, data, device))


def _check(case: Case, theirs: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    name = next(name for name in theirs[0] if name.endswith("/total"))
    for one, other in zip(theirs, found, strict=True):
        if not math.isclose(one[name], other[name], rel_tol=_TOLERANCE[case.precision]):
            raise SystemExit(
                f"{case}: the plain loop's loss is {one[name]}, ours {other[name]}: they do not do the same"
            )


def _better(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if not one:
        return other
    faster = max(one, other, key=lambda figures: figures["windows_a_s"])
    return {**faster, "plain_windows_a_s": max(one["plain_windows_a_s"], other["plain_windows_a_s"])}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20, help="timed, after as many to warm up (default: 20)")
    parser.add_argument("--precision", default="", help="fp32, bf16 or both (default: both; with --gpu: bf16)")
    parser.add_argument("--compile", default="", help="no, yes or both (default: no; with --gpu: both)")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help=", ".join([*SIZES, *GPU_SIZES]))
    parser.add_argument("--gpu", action="store_true", help="large presets on a GPU")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    names = args.only.split(",") if args.only else list(GPU_SIZES if args.gpu else SIZES)
    precisions = (args.precision or ("bf16" if args.gpu else "fp32,bf16")).split(",")
    compiles = (args.compile or ("no,yes" if args.gpu else "no")).split(",")
    device = "cuda" if args.gpu else "cpu"
    rows = []
    for name, precision, compiled in product(names, precisions, compiles):
        rows.append(measured(Case(name, precision, compiled == "yes", device, args.steps)))
        print(_line(rows[-1]), file=sys.stderr)
    print(json.dumps(rows) if args.json else "\n".join([*_HEAD, *map(_line, rows)]))
    return 0


_HEAD = (
    "| preset | precision | compiled | windows a second | plain loop | ratio | MFU | of TFLOP/s | data wait | peak |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def _line(row: dict[str, Any]) -> str:
    cells = (
        *(row["name"], row["precision"], "yes" if row["compile"] else "no"),
        *(f"{row['windows_a_s']:.1f}", f"{row['plain_windows_a_s']:.1f}", f"{row['ratio']:.2f}"),
        *(f"{row['mfu']:.1%}", f"{row['matrix_tflops_a_s']:.3g}", f"{row['data_wait_share']:.1%}"),
        f"{row['memory_gib']:.2f} GiB",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
