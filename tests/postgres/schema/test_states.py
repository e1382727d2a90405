"""The meaning of the letters in SQL is the meaning in the core."""

from __future__ import annotations

from itertools import product

from saga.core.state import letters
from saga.core.state.called_for import operation_of
from saga.core.state.letters import keeps_command
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from tests.postgres.rows import Tables


async def test_a_command_is_called_for_in_sql_exactly_where_it_is_in_the_core(tables: Tables) -> None:
    cases = list(product(Phase, sorted(letters.LETTERS), Mode))
    rows = await tables.fetch(
        "select called_for(phase, letter, mode) as op, keeps_command(letter, mode) as is_kept"
        ' from unnest($1::"char"[], $2::text[], $3::"char"[]) with ordinality as w(phase, letter, mode, n) order by n',
        [phase.value.encode() for phase, _, _ in cases],
        [letter for _, letter, _ in cases],
        [mode.value.encode() for _, _, mode in cases],
    )

    expected = [
        (None if (operation := operation_of(*case)) is None else operation.value.encode(), keeps_command(*case[1:]))
        for case in cases
    ]
    assert [tuple(row) for row in rows] == expected
