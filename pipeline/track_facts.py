"""TEMPORARY placeholder: overwrite me."""


def signal_facts(audio):
    return {"duration_s": audio.duration_s}
