"""Every model, in the order in which `make model` explores them."""

from __future__ import annotations

from typing import Final

from tests.protocol.case import Part
from tests.protocol.commands.cases import ASSUMPTIONS, INSIDE, OUTSIDE
from tests.protocol.commands.coming_suites import COMING, COMING_CASES, LONG_LOSER, STILL_NEEDED
from tests.protocol.commands.one_saga import OneSaga
from tests.protocol.commands.suites import WHOLE
from tests.protocol.families.suites import FAMILIES
from tests.protocol.functions.suites import FUNCTIONS
from tests.protocol.maps.suites import MAPS
from tests.protocol.schedules.suites import SCHEDULES
from tests.protocol.waits.suites import WAITS

COMMANDS: Final = Part("commands", OneSaga, WHOLE, (*INSIDE, *OUTSIDE), ASSUMPTIONS)
ROWS: Final = Part("rows", OneSaga, COMING, COMING_CASES, (*STILL_NEEDED, *LONG_LOSER))
PARTS: Final = (COMMANDS, ROWS, WAITS, FAMILIES, FUNCTIONS, MAPS, SCHEDULES)
