"""The message that a bus carries, for Saga and for the driver alone."""

from __future__ import annotations

from typing import Final

from saga.ports.bus import topic_of

TOPIC: Final = topic_of("bench", "commands")
GROUP: Final = "commands"
BODY: Final = b'{"v":1,"saga":"01a1fe82-e54b-775e-a767-a938dd56af36","step":3,"op":"E","sent":"0123456789"}'
BATCH: Final = 256
