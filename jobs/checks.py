"""What muze needs of a machine, checked one by one: Python, packages, weights, room, codecs, Ray."""

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import psutil

from featurizers.weights import is_there, known_weights, verify
from pipeline.errors import BuildFailedError
from pipeline.limits import Limits

OK, WARN, FAIL = "ok", "warn", "fail"
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)[^;]*(?:;.*extra == ['\"](?P<extra>\w+)['\"])?")
_NEEDED_EXTRAS = (None, "mir", "voice")
_DECODERS = ("aac", "alac", "flac", "mp3float", "opus", "pcm_s16le", "vorbis", "wmav2")
_MIN_DISK_GIB = 2.0
_MIN_SHM_GIB = 0.25
_SHM = "/dev/shm"  # noqa: S108 - looked at, never written


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, how it is (ok, warn, fail), and a sentence."""

    name: str
    state: str
    detail: str


def check_machine(with_ray: bool = False) -> list[Check]:
    """Everything, in the order in which a person would mend it; starting Ray takes seconds and is extra."""
    return [
        _python(),
        *_packages(),
        *_weights(),
        _cores(),
        _memory(),
        _disk(),
        _shared_memory(),
        _codecs(),
        *([_ray()] if with_ray else []),
    ]


def _python() -> Check:
    right = platform.python_version_tuple()[:2] == ("3", "11")
    detail = f"Python {platform.python_version()}"
    return Check("python", OK, detail) if right else Check("python", FAIL, f"{detail}: muze needs 3.11")


def _packages() -> Iterator[Check]:
    """Every package that muze or one of its bundled featurizers names."""
    for requirement in metadata.requires("muze") or []:
        found = _REQUIREMENT.match(requirement)
        if found is None or found["extra"] not in _NEEDED_EXTRAS:
            continue
        name = found["name"]
        install = f"pip install 'muze[{found['extra']}]'" if found["extra"] else f"pip install {name}"
        try:
            yield Check(f"package {name}", OK, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(f"package {name}", FAIL, f"not installed: {install}")


def _weights() -> Iterator[Check]:
    for name in known_weights():
        if not is_there(name):
            yield Check(f"weights {name}", WARN, f"not pulled: 'muze models pull {name}'")
            continue
        problems = verify(name)
        yield Check(f"weights {name}", FAIL if problems else OK, "; ".join(problems) or "as pinned")


def _cores() -> Check:
    return Check("cores", OK, f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}")


def _memory() -> Check:
    memory = psutil.virtual_memory()
    needed_gib = Limits().actor_memory_gib
    detail = f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f}"
    if memory.available / 2**30 < needed_gib:
        return Check("memory", WARN, f"{detail}: a worker may take {needed_gib:g} GiB, see build --actor-memory-gib")
    return Check("memory", OK, detail)


def _disk() -> Check:
    free_gib = shutil.disk_usage(".").free / 2**30
    detail = f"{free_gib:.1f} GiB free in the current folder"
    return Check("disk", OK, detail) if free_gib >= _MIN_DISK_GIB else Check("disk", FAIL, f"{detail}: make room")


def _shared_memory() -> Check:
    if not os.path.isdir(_SHM):
        return Check("shared memory", WARN, f"there is no {_SHM}: Ray will use slower files")
    size_gib = shutil.disk_usage(_SHM).total / 2**30
    detail = f"{size_gib:.2f} GiB in {_SHM}"
    if size_gib < _MIN_SHM_GIB:
        return Check("shared memory", WARN, f"{detail}: Ray will use slower files; give a container --shm-size=1g")
    return Check("shared memory", OK, detail)


def _codecs() -> Check:
    import av

    missing = [name for name in _DECODERS if name not in av.codecs_available]
    return Check(
        "codecs", FAIL if missing else OK, f"missing {', '.join(missing)}" if missing else ", ".join(_DECODERS)
    )


def _ray() -> Check:
    from pipeline.ray_session import ray_session

    try:
        with ray_session(None, Limits().actor_memory_gib) as room:
            found = f"{room.num_cores} workers and {room.num_gpus:g} GPUs"
            return Check("ray", OK, f"a private cluster starts, with room for {found}")
    except BuildFailedError as error:
        return Check("ray", FAIL, str(error))
