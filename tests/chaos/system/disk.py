"""A disk that is small enough to be filled: ext4 on a loop device, else a tmpfs. Mounting either needs root."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DISK_BYTES = 6 * 1024**3  # the image is sparse: it grows with its content
BALLAST_CHUNK_BYTES = 1024**2


class NoDisk(OSError):
    """This machine cannot mount a disk; the message lists what was tried."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted disk. `kind` is what it is, for people."""

    folder: Path
    kind: str

    def fill(self) -> None:
        """Takes all the space that is left."""
        free = os.statvfs(self.folder)
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            with contextlib.suppress(OSError):
                os.posix_fallocate(descriptor, 0, free.f_bavail * free.f_frsize)
            os.lseek(descriptor, 0, os.SEEK_END)
            while True:
                os.write(descriptor, bytes(BALLAST_CHUNK_BYTES))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(descriptor)

    def relieve(self) -> None:
        """Frees the space."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextlib.contextmanager
def disk() -> Iterator[Disk]:
    """Mounts a disk, and discards it at the end. Raises NoDisk."""
    with tempfile.TemporaryDirectory(prefix="saga-disk-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # servers run under an account of their own
        mounted = folder / "mounted"
        mounted.mkdir()
        kind = _mounted(folder / "image", mounted)
        try:
            yield Disk(mounted, kind)
        finally:
            _refused("umount", "--lazy", mounted)


def _mounted(image: Path, folder: Path) -> str:
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    made = _refused("mkfs.ext4", "-q", "-F", "-m", "0", image) or _refused("mount", "-o", "loop", image, folder)
    if not made:
        return "ext4 on a loop device"
    in_memory = _refused("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", folder)
    if not in_memory:
        return "tmpfs"
    raise NoDisk(f"no disk to fill: {made}; {in_memory}")


def _refused(*command: str | Path) -> str:
    """Returns the error output of a failed command, and an empty text if it succeeded."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    return f"{command[0]}: {done.stderr.strip()}" if done.returncode else ""
