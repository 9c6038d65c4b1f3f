"""TEMPORARY placeholder: overwrite me."""


def signal_facts(audio):
    return {}
