"""The processes of the demo do not outlive it, even if it is killed."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import urlsplit

PARENT = """
import sys
from multiprocessing import Pipe
from pathlib import Path
from examples.order.demo import program

reader, writer = Pipe(duplex=False)
program.prepare()
program.fork(["examples.order.provider", sys.argv[1]], {}, Path(sys.argv[2]), writer)
print(open(reader.fileno(), closefd=False).readline(), flush=True)
sys.stdin.read()
"""


async def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path / "provider.jsonl"), str(tmp_path / "log")),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert parent.stdout is not None
    try:
        address = urlsplit((await parent.stdout.readline()).decode().strip())
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
    finally:
        parent.kill()
        await parent.wait()
    async with asyncio.timeout(30):
        assert await _rest_of(reader) == b""
    writer.close()


async def _rest_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
