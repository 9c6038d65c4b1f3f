"""Pulled weights of neural audio codecs."""

from featurizers.weight import Hub, Weight, WeightFile

CODEC_WEIGHTS = (
    Weight(
        name="encodec-32khz",
        origin=Hub("facebook/encodec_32khz", "d0c45384f6c44db055f78200cfdcb9c1c8706727"),
        files=(
            WeightFile("config.json", None, None),
            WeightFile("model.safetensors", None, None),
        ),
        fragments=("codec_tokens",),
        source="https://huggingface.co/facebook/encodec_32khz",
        licence="CC-BY-NC-4.0",
        commercial_use=False,
        licence_note=(
            "The repository names no licence; they are the weights of MusicGen's codec, which AudioCraft's"
            " LICENSE_weights (https://github.com/facebookresearch/audiocraft) puts under CC-BY-NC 4.0."
        ),
    ),
)
