"""Pulled weights of separation, singers and phonemes."""

from featurizers.weight import Download, Hub, Weight, WeightFile

VOICE_WEIGHTS = (
    Weight(
        name="htdemucs",
        origin=Hub("adefossez/HTDemucs", "cbc8a9b1a87023b7fd74e7b3412e6321c0eab003"),
        files=(
            WeightFile(
                "955717e8.safetensors", 84025440, "d9fa14133cfcc034a6758923bb3a8ca9f8dfd0b582134643bbf83f72c17576dd"
            ),
            WeightFile("htdemucs.yaml", 21, "239c445d0b14454d541ad8bd9bb271c9e536d267e8a4625208744cbb2e7bb66c"),
        ),
        fragments=("stems",),
        source="https://huggingface.co/adefossez/HTDemucs",
        licence="NOASSERTION",
        commercial_use=False,
        licence_note=(
            "Trained on MUSDB18-HQ and 800 more songs; only Demucs' code is MIT: its author says the weights are"
            " for research (https://github.com/facebookresearch/demucs/issues/327 and"
            " https://github.com/facebookresearch/demucs/issues/508), and this revision took the MIT tag off the"
            " card."
        ),
    ),
    Weight(
        name="htdemucs_6s",
        origin=Hub("adefossez/HTDemucs-6s", "3c5ee475be622df764938de97e4281a7b07ffa58"),
        files=(
            WeightFile(
                "5c90dfd2.safetensors", 54885744, "d2a1745f0744721f6b8ca5bf469b67c651ea5ed1b52998cab033b2158609d411"
            ),
            WeightFile("htdemucs_6s.yaml", 21, "207405151270af8fd81c2373c25d27950916682ac91dca7884a11ce13dad6f58"),
        ),
        fragments=("stems",),
        source="https://huggingface.co/adefossez/HTDemucs-6s",
        licence="NOASSERTION",
        commercial_use=False,
        licence_note=(
            "Its author says that Meta owns all of its training data, without a clear legal reply on commercial use"
            " (https://github.com/facebookresearch/demucs/issues/418), and that the weights of Demucs are not MIT"
            " but for research (https://github.com/facebookresearch/demucs/issues/327)."
        ),
    ),
    Weight(
        name="htdemucs_ft",
        origin=Hub("adefossez/HTDemucs-ft", "d74ac89c3a1e874fc78f152555cf4d8533f06cd4"),
        files=(
            WeightFile(
                "f7e0c4bc.safetensors", 84025440, "2c85ab3c62dd6edd8e0b965e38b16fd1cdde357cc25de6b6bc9ce7c83f60925f"
            ),
            WeightFile(
                "d12395a8.safetensors", 84025440, "5b01a97567ae9a3178a6236fb520251045c03eb8834bc8c24a4eec11d6c8fb56"
            ),
            WeightFile(
                "92cfc3b6.safetensors", 84025440, "a241863551f30d01c42bd7b97da40839922ead3acb0f1fcab25682f55b4eeb59"
            ),
            WeightFile(
                "04573f0d.safetensors", 84025440, "68854b0d7c2b3274723b5761f6fd9f5aec5f1bcd3f0de7c1669546fdb7871b7c"
            ),
            WeightFile("htdemucs_ft.yaml", 149, "69470b8c1bbd674437b51bc9fb491327a10ab0396b702c93389b9cf750016346"),
        ),
        fragments=("stems",),
        source="https://huggingface.co/adefossez/HTDemucs-ft",
        licence="NOASSERTION",
        commercial_use=False,
        licence_note=(
            "Trained on MUSDB18-HQ and 800 more songs; only Demucs' code is MIT: its author says the weights are"
            " for research (https://github.com/facebookresearch/demucs/issues/327 and"
            " https://github.com/facebookresearch/demucs/issues/508), and this revision took the MIT tag off the"
            " card."
        ),
    ),
    Weight(
        name="ecapa-voxceleb",
        origin=Hub("speechbrain/spkrec-ecapa-voxceleb", "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286"),
        files=(
            WeightFile("hyperparams.yaml", 1919, "6f78854fa04ba59e761437b76a2575d3aba5e5016de3e9b69f0c9a5077fb1a41"),
            WeightFile(
                "embedding_model.ckpt", 83316686, "0575cb64845e6b9a10db9bcb74d5ac32b326b8dc90352671d345e2ee3d0126a2"
            ),
            WeightFile(
                "mean_var_norm_emb.ckpt", 1921, "cd70225b05b37be64fc5a95e24395d804231d43f74b2e1e5a513db7b69b34c33"
            ),
            WeightFile("classifier.ckpt", 5534328, "fd9e3634fe68bd0a427c95e354c0c677374f62b3f434e45b78599950d860d535"),
            WeightFile("label_encoder.txt", 128619, "e13c3a167bb4112685670ee896d20e2b565af16b3a4ceeaa8689fa4d22adb8b9"),
        ),
        fragments=("singer_vocals",),
        source="https://huggingface.co/speechbrain/spkrec-ecapa-voxceleb",
        licence="Apache-2.0",
        commercial_use=True,
        licence_note=(
            "The model card says Apache-2.0; trained on VoxCeleb 1 and 2, celebrities' voices from YouTube videos"
            " whose owners keep the copyright."
        ),
        commands=("generate",),
    ),
    Weight(
        name="wav2vec2-base-960h",
        origin=Download("https://download.pytorch.org/torchaudio/models/"),
        files=(
            WeightFile(
                "wav2vec2_fairseq_base_ls960_asr_ls960.pth",
                377664473,
                "488fd4f16de84438ffc945334278c1b9fb9b7159a806c1080b16111a958c945d",
            ),
        ),
        fragments=("phonemes",),
        source="https://github.com/facebookresearch/fairseq/tree/main/examples/wav2vec",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "torchaudio's documentation says that its authors published it under MIT and that it is redistributed"
            " so; trained on 960 hours of LibriSpeech, audiobooks under CC-BY-4.0."
        ),
    ),
)
