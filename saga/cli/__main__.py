"""`python -m saga.cli`, where the command itself is not on the path."""

from __future__ import annotations

import sys

from saga.cli import main

sys.exit(main())
