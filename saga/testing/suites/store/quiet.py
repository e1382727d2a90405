"""Store suite: the quiet time, in which a call of an earlier claim may still arrive."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim
from saga.ports.values.write import CUT_OFF, Delay
from saga.testing.suites.store.commands import HOUR_SECONDS, failed
from saga.testing.suites.store.stage import VOID_OR_REPORT, StoreStage, graph, moved, queued, ref, step, unmoved


class QuietTests(StoreStage):
    """The quiet time of a command (G24, G25, G37, G40)."""

    async def test_the_next_claim_has_the_quiet_time(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        assert claim.quiet_at <= claim.lease_ends

        await process.commit(replace(unmoved(start), delays=[failed(claim, quiet_seconds=HOUR_SECONDS)]))
        again = await process.poll_one()

        assert again.quiet_at - claim.lease_ends == pytest.approx(HOUR_SECONDS, abs=60.0)

    async def test_a_command_is_new_until_something_of_it_has_begun(self) -> None:
        """G136: claims that were given back, each with an error that says why, have not begun."""
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        for _ in range(2):
            assert claim.is_first_to_begin
            given_back = Delay(claim.step, claim.number, 0.0, 0.0, claim.failures, "not in this build")
            await process.commit(replace(unmoved(start), delays=[given_back]))
            claim = await process.poll_one()

        assert claim.is_first_to_begin

    @pytest.mark.parametrize(("failures", "error"), [(0, None), (1, "broke"), (CUT_OFF, None), (CUT_OFF, "broke")])
    async def test_a_command_that_has_begun_is_not_new_even_if_no_call_can_arrive(
        self, failures: int, error: str | None
    ) -> None:
        """G136: it is ongoing, has failed, or was cut off."""
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(
            replace(unmoved(start), delays=[Delay(claim.step, claim.number, 0.0, 0.0, failures, error)])
        )
        again = await process.poll_one()
        await process.commit(
            replace(unmoved(start), delays=[Delay(again.step, again.number, 0.0, 0.0, again.failures, "given back")])
        )

        assert not again.is_first_to_begin
        assert not (await process.poll_one()).is_first_to_begin

    async def test_a_quiet_time_is_never_shortened(self) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[failed(claim, quiet_seconds=HOUR_SECONDS)]))
        again = await process.poll_one()
        await process.commit(replace(unmoved(start), delays=[failed(again, failures=2, quiet_seconds=1.0)]))

        assert (await process.poll_one()).quiet_at == pytest.approx(again.quiet_at, abs=5.0)

    @pytest.mark.parametrize("vector", ["D", "K"])
    async def test_the_external_call_of_a_dead_process_may_arrive_until_its_quiet_time_is_over(
        self, vector: str
    ) -> None:
        """G24, G25: lease, timeout and margin. Also for a compensation: no abandoned saga ends before (G40)."""
        again, claim = await self.taken_over(Mode.EXTERNAL, vector)

        assert not again.is_first_to_begin
        assert again.quiet_at == pytest.approx(claim.lease_ends + 1.0 + StoreOptions().margin_seconds, abs=1.0)

    @pytest.mark.parametrize("mode", [Mode.JOURNALED, Mode.TRANSACTIONAL])
    async def test_a_database_step_of_a_dead_process_is_quiet_at_once(self, mode: Mode) -> None:
        again, claim = await self.taken_over(mode)

        assert again.quiet_at < claim.lease_ends

    @pytest.mark.parametrize("given_up", ["d", "G"])
    async def test_a_call_that_may_still_arrive_is_known_after_another_process_polls_its_command(
        self, given_up: str
    ) -> None:
        """G37, G40: the step is quarantined by a report of an older claim, or the saga abandoned; no command is due."""
        process, other = await self.process(), await self.process()
        start = await self.started(process)
        await process.poll()
        await process.commit(moved(start, given_up, Phase.ABANDONING if given_up == "G" else Phase.RUNNING))
        await self.kill(process.adapter)
        await self.until_released(other, ref(start))

        assert await other.poll() == []

        seen = await other.adapter.ledger.snapshot(start.saga)
        assert (set(seen.claimed), set(seen.unquiet)) == (set(), {0})
        assert await other.poll() == []

    @pytest.mark.parametrize(
        ("given_up", "phase"), [("d", Phase.RUNNING), ("u", Phase.COMPENSATING), ("G", Phase.ABANDONING)]
    )
    async def test_a_call_that_may_still_arrive_is_known_after_its_process_fetches_its_claims(
        self, given_up: str, phase: Phase
    ) -> None:
        """G37, G40: as after a commit of unknown outcome, while the call runs."""
        process = await self.process()
        start = await self.started(process)
        await process.poll()
        await process.commit(moved(start, given_up, phase))

        assert await process.fetch() == []

        seen = await process.adapter.ledger.snapshot(start.saga)
        assert seen.unquiet == {0}

    async def test_an_abandoned_journaled_step_keeps_only_the_command_that_freezes_it(self) -> None:
        """G40: its journal decides, so that only the question to the journal is due."""
        process, other = await self.process(), await self.process()
        start = await self.started(process, definition=graph(step("one", mode=Mode.JOURNALED), name="journaled"))
        await process.commit(moved(start, "G", Phase.ABANDONING))
        assert await process.poll() == []
        assert await self.held(process, start) == frozenset()

        asked = replace(moved(start, "G", Phase.ABANDONING, version=2), dispatches=[queued(0, VOID_OR_REPORT)])
        await process.commit(asked)

        assert [claim.operation for claim in await other.poll()] == [VOID_OR_REPORT]

    async def taken_over(self, mode: Mode, vector: str = "D") -> tuple[Claim, Claim]:
        """The claim of a command after its process died, and the claim of that process."""
        process, peer = await self.process(), await self.process()
        start = await self.started(process, vector, definition=graph(step("one", mode=mode), name="taken_over"))
        claim = await process.poll_one()
        await self.kill(process.adapter)
        await self.until_released(peer, ref(start))
        return await peer.poll_one(), claim
