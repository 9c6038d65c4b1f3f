"""All that a picture of a track shows, whatever draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio
from jobs.pictures.track_facts import Fact, facts, subtitle, title
from jobs.pictures.track_lanes import Lane, lanes
from jobs.pictures.track_spectrum import Spectrogram, Waveform, spectrogram, waveform
from pipeline.track_rows import TrackRows

_SHORTEST_S = 0.1


@dataclass(frozen=True)
class Picture:
    """The contents of the page of one track. Without sound, ``waveform`` and ``spectrogram`` are None."""

    track_id: str
    title: str
    subtitle: str
    facts: Sequence[Fact]
    prompt: str
    lanes: Sequence[Lane]
    duration_s: float
    """Of the time axis: that of the sound, else what the dataset says, else until the last thing in a lane ends."""
    f0_hz: npt.NDArray[np.float32]
    """F0 a frame, NaN where unvoiced; empty without the fragment."""
    f0_hop_s: float
    waveform: Waveform | None = None
    spectrogram: Spectrogram | None = None
    silent: str = ""
    """Why there is no sound."""

    def lane(self, name: str) -> Lane:
        """The lane of a name."""
        return next(lane for lane in self.lanes if lane.name == name)


def picture_of(track: TrackRows, audio: Audio | None, silent: str = "") -> Picture:
    """Lay out what is known of a track; ``silent`` says why there is no audio, if there is none."""
    shown = lanes(track, silent)
    f0_hz = np.array(track.value("pitch", "f0_hz") or [], dtype=np.float32)
    f0_hop_s = track.value("pitch", "f0_hop_s") or 0.0
    ends = [span.end_s for lane in shown for span in lane.spans]
    known_s = audio.duration_s if audio else track.value("tracks", "duration_s")
    return Picture(
        track.track_id,
        title(track),
        subtitle(track),
        facts(track),
        track.value("prompt", "prompt") or "",
        shown,
        max(_SHORTEST_S, known_s or max([*ends, len(f0_hz) * f0_hop_s])),
        f0_hz if f0_hop_s else f0_hz[:0],
        f0_hop_s,
        waveform(audio) if audio else None,
        spectrogram(audio) if audio else None,
        silent,
    )
