"""A piece on disk: a WAV, and beside it a JSON that says how it came about."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from featurizers.audio import Samples
from pipeline.out_file import move_onto, scratch_beside

FULL_SCALE = 32767


def json_path(out: Path) -> Path:
    """Where the JSON of a WAV is: ``song.json`` for ``song.wav``."""
    return out.with_suffix(".json")


def write(out: Path, samples: Samples, rate_hz: int, document: dict[str, Any]) -> dict[str, Any]:
    """Write 16-bit PCM, each file whole or not at all, and return the JSON as written.

    The JSON comes last and goes first: where there is one, the WAV is the one that it speaks of. What is louder than
    full scale is turned down as a whole, by ``gain``; nothing is clipped. Raises BadArgumentError if they cannot be
    written.
    """
    import soundfile

    peak = float(np.abs(samples).max(initial=0.0))
    gain = 1.0 / peak if peak > 1 else 1.0
    quantised = np.rint(samples.T.astype(np.float64) * gain * FULL_SCALE).astype(np.int16)
    file = io.BytesIO()  # for a full disk to be an OSError, which soundfile does not raise
    soundfile.write(file, quantised, rate_hz, subtype="PCM_16", format="WAV")
    wav = file.getvalue()
    sound = {"rate_hz": rate_hz, "channels": samples.shape[0], "samples": samples.shape[1], "gain": gain}
    whole = document | {"audio": {"file": out.name, **sound, "sha256": hashlib.sha256(wav).hexdigest()}}
    with scratch_beside(out) as scratch:
        (scratch / out.name).write_bytes(wav)
        (scratch / json_path(out).name).write_text(json.dumps(whole, indent=1))
        json_path(out).unlink(missing_ok=True)
        move_onto(scratch / out.name, out)
        move_onto(scratch / json_path(out).name, json_path(out))
    return whole
