"""A piece on disk: a WAV, and beside it a JSON that says how it came about."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from featurizers.audio import Samples
from jobs.generating import heard
from pipeline.errors import BadArgumentError

FULL_SCALE = 32767


def json_path(out: Path) -> Path:
    """Where the JSON of a WAV is: ``song.json`` for ``song.wav``."""
    return out.with_suffix(".json")


def require_writable(out: Path) -> None:
    """Raise BadArgumentError if a WAV, and its JSON, cannot be written there: no folder is made for them."""
    for path in (out, json_path(out)):
        if path.is_dir():
            raise BadArgumentError(f"--out {str(out)!r}: {str(path)!r} is a folder, give the name of a file")
    try:
        # as long a name as the partial file's
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}"):
            pass
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {str(out)!r}: {error.strerror}") from error


def write(out: Path, samples: Samples, rate_hz: int, document: dict[str, Any]) -> dict[str, Any]:
    """Write 16-bit PCM, each file whole or not at all, and return the JSON as written.

    The JSON comes last and goes first: where there is one, the WAV is the one that it speaks of. What is louder than
    full scale is turned down as a whole, by ``gain``; nothing is clipped. The folder has to be there.
    """
    import soundfile

    peak = float(np.abs(samples).max(initial=0.0))
    gain = 1.0 / peak if peak > 1 else 1.0
    partial = out.with_name(f".{out.name}.partial")
    quantised = np.rint(samples.T.astype(np.float64) * gain * FULL_SCALE).astype(np.int16)
    soundfile.write(partial, quantised, rate_hz, subtype="PCM_16", format="WAV")
    sound = {"rate_hz": rate_hz, "channels": samples.shape[0], "samples": samples.shape[1], "gain": gain}
    whole = document | {"audio": {"file": out.name, **sound, "sha256": heard.sha256(str(partial))}}
    json_path(out).unlink(missing_ok=True)
    os.replace(partial, out)
    partial.write_text(json.dumps(whole, indent=1))
    os.replace(partial, json_path(out))
    return whole
