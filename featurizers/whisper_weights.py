"""Pulled weights of Whisper, as CTranslate2 loads them."""

from featurizers.weight import Hub, Weight, WeightFile

_MULTILINGUAL = (
    WeightFile("tokenizer.json", 2203239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
    WeightFile("vocabulary.txt", 459861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
)
_V3 = (
    WeightFile("preprocessor_config.json", 340, "7ccc62c6f2765af1f3b46c00c9b5894426835a05021c8b9c01eecb6dfb542711"),
    WeightFile("vocabulary.json", 1068114, "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1"),
)
_HOURS = "680,000 hours of transcribed audio"
_HOURS_V3 = "5 million hours of audio, mostly pseudo-labelled,"


def _whisper(
    size: str, origin: Hub, config: WeightFile, model: WeightFile, shared: tuple[WeightFile, ...], hours: str
) -> Weight:
    return Weight(
        name=f"whisper-{size}",
        origin=origin,
        files=(config, model, *shared),
        fragments=("lyrics",),
        source=f"https://huggingface.co/{origin.repository}",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "OpenAI releases Whisper's code and weights under MIT (https://github.com/openai/whisper) and this"
            f" conversion's card says MIT too; trained on {hours} from the web whose sources are not published."
        ),
    )


WHISPER_WEIGHTS = (
    _whisper(
        "tiny",
        Hub("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
        WeightFile("config.json", 2249, "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
        WeightFile("model.bin", 75538270, "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
        _MULTILINGUAL,
        _HOURS,
    ),
    _whisper(
        "base",
        Hub("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
        WeightFile("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        WeightFile("model.bin", 145217532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        _MULTILINGUAL,
        _HOURS,
    ),
    _whisper(
        "small",
        Hub("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
        WeightFile("config.json", 2370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
        WeightFile("model.bin", 483546902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
        _MULTILINGUAL,
        _HOURS,
    ),
    _whisper(
        "medium",
        Hub("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
        WeightFile("config.json", 2257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"),
        WeightFile("model.bin", 1527906378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
        _MULTILINGUAL,
        _HOURS,
    ),
    _whisper(
        "large-v2",
        Hub("Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e"),
        WeightFile("config.json", 2796, "d86b7a7664a12559d644aa210a32ce9a7e03913e794b7ea4fb7182de69e273a7"),
        WeightFile("model.bin", 3086912962, "bf2a9746382e1aa7ffff6b3a0d137ed9edbd9670c3b87e5d35f5e85e70d0333a"),
        _MULTILINGUAL,
        _HOURS,
    ),
    _whisper(
        "large-v3",
        Hub("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
        WeightFile("config.json", 2394, "a9306624f5ec14270a014b647e5c316b6e03a662c369758d1b90697a7b0655b9"),
        WeightFile("model.bin", 3087284237, "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1"),
        (
            *_V3,
            WeightFile("tokenizer.json", 2480617, "6d8cbd7cd0d8d5815e478dac67b85a26bbe77c1f5e0c6d76d1ce2abc0e5f21ca"),
        ),
        _HOURS_V3,
    ),
    _whisper(
        "large-v3-turbo",
        Hub("dropbox-dash/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
        WeightFile("config.json", 2263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"),
        WeightFile("model.bin", 1617884929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
        (
            *_V3,
            WeightFile("tokenizer.json", 2710337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
        ),
        _HOURS_V3,
    ),
)
