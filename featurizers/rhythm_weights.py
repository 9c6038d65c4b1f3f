"""Pulled weights of beat tracking."""

from featurizers.weight import Download, Weight, WeightFile


def _beat_this(checkpoint: str, size_bytes: int, sha256: str) -> Weight:
    return Weight(
        name=f"beat-this-{checkpoint}",
        origin=Download("https://cloud.cp.jku.at/public.php/dav/files/7ik4RrBKTS273gp/"),
        files=(WeightFile(f"{checkpoint}.ckpt", size_bytes, sha256),),
        fragments=("rhythm",),
        source="https://github.com/CPJKU/beat_this",
        licence="MIT",
        commercial_use=True,
        licence_note=(
            "Its authors say that the weights are MIT as the code is (https://github.com/CPJKU/beat_this/issues/16);"
            " trained on annotated recordings whose rights stay with others."
        ),
    )


RHYTHM_WEIGHTS = (
    _beat_this("final0", 81058141, "8c328b45f59d8dd3dff219253ff6a8d6482be57d0133a29140e2febbf8eb8331"),
    _beat_this("small0", 8451101, "6074be2c4d490c5f6101fcc374a1ec72ae93456e23bb6019783b849f5dc7d47b"),
)
