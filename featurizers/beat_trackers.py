"""The networks that a tracker of beats may be built on: what they hear, and how far to trust what they say."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from featurizers.audio import MIX_22K_MONO, MIX_44K_MONO
from featurizers.featurizer import Inputs
from featurizers.madmom_spectrogram import Floats
from featurizers.onset_beats import OnsetCurves, onset_activations
from featurizers.weights_store import weight_folder

TrackerName = Literal["madmom", "beat_this", "onsets"]
Checkpoint = Literal["final0", "small0"]


class Tracker(NamedTuple):
    """Activations ``(frames, 2)`` of beats that are no downbeats and of downbeats, for the bar model."""

    activations: Callable[[Inputs, OnsetCurves], Floats]
    frames_per_s: float
    lead_s: float
    """How far activations peak before the onset that they are of: madmom's 2 ms in songs, 7 ms in bare grooves."""
    metre_weight: float
    """How much a unit of log odds, over the root of the number of beats, says about the metre, or the tempo."""


def load_tracker(name: TrackerName, checkpoint: Checkpoint) -> Tracker:
    """Load what a tracker needs.

    ``lead_s`` and ``metre_weight`` were measured on 171 rendered songs, most of them with jitter or drift, and three
    in ten in 3/4: of metres with a confidence below 0.7, 62 % were right, 88 % up to 0.9, 99 % above. Other metres
    than those tried cannot be found, nor doubted. For Beat This!, whose weights were not at hand, it is as for madmom.
    """
    if name == "onsets":
        return Tracker(lambda _, onsets: onset_activations(onsets), 100, 0.0, 0.6)
    if name == "beat_this":
        from featurizers.beat_this_tracker import FRAMES_PER_S, BeatThisNetwork

        network = BeatThisNetwork(weight_folder(f"beat-this-{checkpoint}") / f"{checkpoint}.ckpt")
        return Tracker(lambda inputs, _: network(inputs.audio(MIX_22K_MONO).samples[0]), FRAMES_PER_S, 0.0, 0.3)
    from featurizers.madmom_downbeats import FRAMES_PER_S as MADMOM_FRAMES_PER_S
    from featurizers.madmom_downbeats import DownbeatNetworks

    networks = DownbeatNetworks()
    return Tracker(lambda inputs, _: networks(inputs.audio(MIX_44K_MONO).samples[0]), MADMOM_FRAMES_PER_S, 0.004, 0.3)
