"""What can go wrong in training, in sentences for people."""


class SettingError(ValueError):
    """A setting, run or pack that is not there, or a value that it can't have."""


class TrainingFailedError(RuntimeError):
    """A run that cannot go on."""


class DivergedError(TrainingFailedError):
    """A loss is not a number any more."""
