"""Pulled weights that no featurizer loads, but training and what makes sound with trained models."""

from featurizers.weight import Hub, Weight, WeightFile

TRAINING_WEIGHTS = (
    Weight(
        name="flan-t5-base",
        origin=Hub("google/flan-t5-base", "7bcac572ce56db69c1ea7c8af255c5d7c9672fc2"),
        files=(
            WeightFile("config.json", None, None),
            WeightFile("tokenizer.json", None, None),
            WeightFile("tokenizer_config.json", None, None),
            WeightFile("special_tokens_map.json", None, None),
            WeightFile("model.safetensors", None, None),
        ),
        fragments=(),
        source="https://huggingface.co/google/flan-t5-base",
        licence="Apache-2.0",
        commercial_use=True,
        licence_note=(
            "The model card says Apache-2.0; T5 (https://github.com/google-research/t5x) trained on text from the web"
            " and tuned on collections of tasks, texts whose rights stay with others."
        ),
        commands=("train", "generate", "evaluate"),
    ),
    Weight(
        name="bigvgan-v2-44khz",
        origin=Hub("nvidia/bigvgan_v2_44khz_128band_512x", "95a9d1dcb12906c03edd938d77b9333d6ded7dfb"),
        files=(
            WeightFile("config.json", 1403, "65b7f487bfaf15256056a75f6667ef5f640214c981922a111927873705ea4ddb"),
            WeightFile(
                "bigvgan_generator.pt", 489041291, "d9fe7ec6bd0b44ed9d66973d5012d8181c1570b01e5c72df51973e241dccd357"
            ),
        ),
        fragments=(),
        source="https://huggingface.co/nvidia/bigvgan_v2_44khz_128band_512x",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "The model card and the code (https://github.com/NVIDIA/BigVGAN) say MIT; trained on speech, music and"
            " sounds, recordings whose rights stay with others."
        ),
        commands=("generate", "evaluate"),
    ),
    Weight(
        name="vocos-mel-24khz",
        origin=Hub("charactr/vocos-mel-24khz", "0feb3fdd929bcd6649e0e7c5a688cf7dd012ef21"),
        files=(
            WeightFile("config.yaml", 461, "da9033922f969a47f0c160010226919e59f27761fd5066f3828d46de6650b0fc"),
            WeightFile(
                "pytorch_model.bin", 54365991, "97ec976ad1fd67a33ab2682d29c0ac7df85234fae875aefcc5fb215681a91b2a"
            ),
        ),
        fragments=(),
        source="https://huggingface.co/charactr/vocos-mel-24khz",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "The model card and the code (https://github.com/gemelo-ai/vocos) say MIT; trained on LibriTTS, read books"
            " under CC-BY-4.0: speech, not music."
        ),
        commands=("generate", "evaluate"),
    ),
)
