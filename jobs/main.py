"""The ``muze`` program: one module a command, exit 0 done, 1 failed, 2 bad arguments."""

import argparse
import errno
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from featurizers.weights_store import WeightsError
from pipeline.errors import BadArgumentError, BuildFailedError, InterruptedBuildError
from pipeline.printable import in_a_line
from training.errors import TrainingFailedError

COMMANDS = (
    "build",
    "status",
    "failures",
    "query",
    "snapshot",
    "schema",
    "gc",
    "submit",
    "search",
    "show",
    "report",
    "export",
    "import",
    "models",
    "pack",
    "train",
    "generate",
    "evaluate",
    "doctor",
    "demo",
)
"""Every command is a module of this name in ``jobs.commands`` with ``add_parser`` and ``run``."""
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)
"""A full or failing disk, and too many open files: no traceback is of help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    args, unknown = parser(words[:1]).parse_known_args(words)
    if unknown:
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}")  # with the usage of the command, and ends
    try:
        code: int = args.run(args)
    except BadArgumentError as error:
        return _complain(args.command, error, 2)
    except (BuildFailedError, TrainingFailedError, WeightsError) as error:
        return _complain(args.command, error, 1)
    except (InterruptedBuildError, KeyboardInterrupt):
        return _complain(args.command, "interrupted; what was finished is kept, and the same command goes on", 1)
    except BrokenPipeError:  # the reader of a pipe, such as head, has had enough
        sys.stderr.close()
        return 0
    except OSError as error:
        if _number(error) not in _OF_THE_MACHINE:
            raise
        return _complain(args.command, f"{in_a_line(error)}; once that is mended, run the same command again", 1)
    return code


def _number(error: OSError) -> int | None:
    """What went wrong, as the system numbers it; Delta's library says it in its text only."""
    told = re.search(r"\(os error (\d+)\)", str(error))
    return int(told[1]) if error.errno is None and told else error.errno


def _complain(command: str, problem: object, code: int) -> int:
    print(f"muze {command}: {problem}", file=sys.stderr)
    return code


def parser(asked: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line, or that of the one command that is asked for: the others need not be imported then."""
    top = argparse.ArgumentParser(prog="muze", description="Folders of music in, queryable feature datasets out.")
    top.add_argument("--version", action="version", version=f"muze {version('muze')}")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in [name for name in COMMANDS if name in asked] or COMMANDS:
        command = import_module(f"jobs.commands.{name}")
        doc = (command.__doc__ or "").strip()
        sub = subparsers.add_parser(
            name,
            help=doc.splitlines()[0],
            description=doc,
            epilog=f"example: {command.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run, refuse=sub.error)
    return top


if __name__ == "__main__":
    sys.exit(main())
