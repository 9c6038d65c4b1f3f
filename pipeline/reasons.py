"""Why a track or a fragment could not be had: the closed list."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason code as it stands in the failures table. ``meaning`` says it in one line."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> "Reason":
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        return reason

    UNREADABLE = "unreadable", "the file could not be read: no permission, or an I/O error"
    VANISHED = "vanished", "the file was gone between planning and reading"
    CHANGED = "changed", "the file was rewritten while it was read"
    EMPTY = "empty", "the file has zero bytes"
    NOT_AUDIO = "not_audio", "no decoder recognises the content"
    NO_AUDIO_STREAM = "no_audio_stream", "a media file without sound, such as a silent film"
    TRUNCATED = "truncated", "the container declares more audio than could be decoded"
    TOO_LONG = "too_long", "longer than --max-duration-s"
    DECODE = "decode", "the decoder failed, or met too many damaged packets"
    ERROR = "error", "a featurizer raised an exception"
    TIMEOUT = "timeout", "a step ran past its time limit"
    CRASHED = "crashed", "a step ended its worker process"
    MEMORY = "memory", "a step went past the memory limit"
    UPSTREAM = "upstream", "a fragment that it reads failed"


class Refused(Exception):  # noqa: N818 - a verdict on a file, not an error of the program
    """A track or a fragment cannot be had: a reason from the list, and one sentence about this case."""

    def __init__(self, reason: Reason, message: str, attempts: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.attempts = attempts

    def __reduce__(self) -> tuple[type["Refused"], tuple[Reason, str, int]]:
        return type(self), (self.reason, str(self), self.attempts)  # pickles between worker and driver
