"""Pulled weights of CLAP, and the tokenizer of its text tower."""

from featurizers.weight import Hub, Weight, WeightFile

CLAP_WEIGHTS = (
    Weight(
        name="clap-music-audioset",
        origin=Hub("lukewys/laion_clap", "b3708341862f581175dba5c356a4ebf74a9b6651"),
        files=(
            WeightFile(
                "music_audioset_epoch_15_esc_90.14.pt",
                2352471003,
                "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd",
            ),
        ),
        fragments=("clap", "clap_text"),
        source="https://huggingface.co/lukewys/laion_clap",
        licence="CC0-1.0",
        commercial_use=True,
        licence_note=(
            "The card of the checkpoints' repository and the code's LICENSE (https://github.com/LAION-AI/CLAP) say"
            " CC0-1.0; trained on music, AudioSet and LAION-Audio-630K, recordings whose rights stay with others."
        ),
        commands=("search", "generate", "evaluate"),
    ),
    Weight(
        name="clap-music-speech-audioset",
        origin=Hub("lukewys/laion_clap", "b3708341862f581175dba5c356a4ebf74a9b6651"),
        files=(
            WeightFile(
                "music_speech_audioset_epoch_15_esc_89.98.pt",
                2352471003,
                "51c68f12f9d7ea25fdaaccf741ec7f81e93ee594455410f3bca4f47f88d8e006",
            ),
        ),
        fragments=("clap", "clap_text"),
        source="https://huggingface.co/lukewys/laion_clap",
        licence="CC0-1.0",
        commercial_use=True,
        licence_note=(
            "The card of the checkpoints' repository and the code's LICENSE (https://github.com/LAION-AI/CLAP) say"
            " CC0-1.0; trained on music, speech, AudioSet and LAION-Audio-630K, recordings whose rights stay with"
            " others."
        ),
        commands=("search",),
    ),
    Weight(
        name="clap-630k-audioset",
        origin=Hub("lukewys/laion_clap", "b3708341862f581175dba5c356a4ebf74a9b6651"),
        files=(
            WeightFile(
                "630k-audioset-best.pt", 1863587645, "8053c9775516af2f4902e1e8281e356cc1bf7a85e8b761908170767b77c3f037"
            ),
        ),
        fragments=("clap", "clap_text"),
        source="https://huggingface.co/lukewys/laion_clap",
        licence="CC0-1.0",
        commercial_use=True,
        licence_note=(
            "The card of the checkpoints' repository and the code's LICENSE (https://github.com/LAION-AI/CLAP) say"
            " CC0-1.0; trained on AudioSet and LAION-Audio-630K, recordings whose rights stay with others."
        ),
        commands=("search",),
    ),
    Weight(
        name="roberta-base",
        origin=Hub("FacebookAI/roberta-base", "e2da8e2f811d1448a5b465c236feacd80ffbac7b"),
        files=(
            WeightFile("config.json", 481, "ef0185e2aae6e06c5f105a285006952c340e20c7dbf43c86ec82601b13fc45e9"),
            WeightFile("merges.txt", 456318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"),
            WeightFile("vocab.json", 898823, "9e7f63c2d15d666b52e21d250d2e513b87c9b713cfa6987a82ed89e5e6e50655"),
            WeightFile("tokenizer.json", 1355863, "847bbeab6174d66a88898f729d52fa8d355fafe1bea101cf960dd404581df70e"),
            WeightFile("tokenizer_config.json", 25, "994f46754c5bf4014f1aa92d34b1374319c3a6b3f702105cd5b742beaecd18ce"),
        ),
        fragments=("clap", "clap_text"),
        source="https://huggingface.co/FacebookAI/roberta-base",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "The model card says MIT; only the tokenizer and the configuration are pulled, not the model, which was"
            " trained on BookCorpus, Wikipedia and text from the web."
        ),
        commands=("search", "generate", "evaluate"),
    ),
)
