"""Pulled weights of neural audio codecs."""

from featurizers.weight import Hub, Weight, WeightFile

_DECODERS = ("generate", "evaluate")

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
        commands=_DECODERS,
    ),
    Weight(
        name="dac-44khz",
        origin=Hub("descript/dac_44khz", "c1bc521685adf9cfe247bc39a5ca58917eda1ac4"),
        files=(
            WeightFile("config.json", 541, "4eb55fb9af1990b8d608184ad29b70e358589719af7ea8d3c06998f7c2264a64"),
            WeightFile(
                "model.safetensors", 306507276, "6128ebff483a41422b0164d079a3773b0d8d82e64c4293d775994cbf8baf913a"
            ),
        ),
        fragments=("codec_tokens",),
        source="https://huggingface.co/descript/dac_44khz",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "Its authors release the weights under MIT with their code"
            " (https://github.com/descriptinc/descript-audio-codec); trained on speech, music and sounds of public"
            " data sets, recordings whose rights stay with others."
        ),
        commands=_DECODERS,
    ),
)
