"""What a build can end with besides success."""


class BadArgumentError(Exception):
    """The request makes no sense: one sentence with got, expected, and what to do. Exit code 2."""


class BuildFailedError(Exception):
    """The build stopped or must not be trusted; what was finished is committed. Exit code 1."""


class InterruptedBuildError(BaseException):
    """Raised in the driver by Ctrl-C or SIGTERM."""
