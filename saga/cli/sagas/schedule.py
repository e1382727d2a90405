"""`saga schedule`: sagas that are started at moments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import RenderableType
from rich.text import Text

from saga.app import connect
from saga.authoring import Schedule
from saga.cli.exit_codes import DONE, FAILED
from saga.cli.log_setup import log_for_people
from saga.cli.operators.options import DEFAULTS
from saga.cli.options import FROM_SETTINGS, Json, StoreOptions
from saga.cli.output import Page, print_page, say, table
from saga.cli.sagas.payload import payload_of
from saga.cli.sagas.tags import tags_of
from saga.cli.store import opened_store
from saga.client.schedules.client import Filled
from saga.core.schedule.moment import Moment, moment_at
from saga.core.schedule.spec import CatchUp, Overlap
from saga.inspection.summaries.schedules import moment_words, run_document, run_words, schedule_document, when_words
from saga.loops import run
from saga.ports.schedules.rows import RunLine, ScheduleRow
from saga.settings import Settings

Reason = Annotated[str | None, Parameter(help="Why, for the audit.")]
NEXT_SHOWN: Final = 5
LINES_SHOWN: Final = 20

schedule: Final = App(name="schedule", help="Manage the schedules: sagas that are started at set times.")


@schedule.command
def put(  # noqa: PLR0913 (what a schedule has)
    name: str,
    definition: str,
    input: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,  # noqa: A002 (the word of the protocol)
    /,
    *,
    cron: str | None = None,
    every: str | None = None,
    at: str | None = None,
    zone: str = "UTC",
    start: str | None = None,
    until: str | None = None,
    jitter: str | None = None,
    overlap: Overlap = "skip",
    catch_up: CatchUp = "last",
    within: str | None = None,
    version: int | None = None,
    tag: Annotated[list[str] | None, Parameter(negative=())] = None,
    reason: Reason = None,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Create a schedule, or change it: `saga schedule put nightly report --cron "0 2 * * *" --zone Europe/Berlin`.

    Parameters
    ----------
    name
        Name of the schedule.
    definition
        Name of the definition.
    input
        Input of each saga as JSON; @FILE reads a file, - reads standard input.
    cron
        Minute, hour, day of the month, month and day of the week, in the local time of --zone.
    every
        "15m", "2h", or with --start "1 day", "2 weeks", "1 month", "1 year".
    at
        Once, at this local time: 2026-12-24T18:00.
    zone
        Time zone, by its IANA name.
    start
        The first local time that counts.
    until
        The last local time that counts.
    jitter
        Each saga is started up to this much later, evenly spread.
    overlap
        What happens while the saga of the moment before has not ended.
    catch_up
        Which of the moments that passed while there was no leader are started afterwards.
    within
        None that is longer ago than this.
    version
        Version of the definition; the default is the newest activated one at each moment.
    tag
        NAME=VALUE; may be given several times.
    """
    settings = store.settings()
    log_for_people(settings)
    made = Schedule(
        name, definition, payload_of(input, "input"), cron=cron, every=every, at=at, zone=zone, start=start, until=until,
        jitter=jitter, overlap=overlap, catch_up=catch_up, within=within, version=version, tags=tags_of(tag),
    )  # fmt: skip

    async def stored() -> tuple[bool, Sequence[Moment]]:
        async with connect(settings=settings) as sagas:
            is_changed = await sagas.schedules.put(made, actor=DEFAULTS.actor_name, reason=reason)
            return is_changed, await sagas.schedules.next(name, 1)

    is_changed, following = run(stored())
    next_words = f"next: {moment_words(following[0])}" if following else "it has no further moments"
    say(f"{'stored' if is_changed else 'nothing changed:'} schedule {name}; {next_words}")
    return DONE


@schedule.command
def ls(*, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """List the schedules."""
    settings = store.settings()
    log_for_people(settings)
    rows, now = run(_all(settings)), time.time()
    print_page(Page(_list_page(rows, now), [schedule_document(row, _next(row, now, 1)) for row in rows]), as_json=json)


@schedule.command
def show(name: str, /, *, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """Show a schedule: its next moments, and the outcomes of the last ones."""
    settings = store.settings()
    log_for_people(settings)
    row, lines = run(_one(settings, name))
    following = _next(row, time.time(), NEXT_SHOWN)
    document = {**schedule_document(row, following), "lines": [run_document(line) for line in lines]}
    print_page(Page(_page(row, following, lines), document), as_json=json)


@schedule.command(name="next")
def following(name: str, /, *, count: int = 10, store: StoreOptions = FROM_SETTINGS) -> None:
    """Print the next moments of a schedule, one a line.

    Parameters
    ----------
    count
        How many.
    """
    settings = store.settings()
    log_for_people(settings)
    row, _ = run(_one(settings, name))
    for moment in _next(row, time.time(), count):
        print(moment_words(moment))


@schedule.command
def pause(name: str, /, *, reason: Reason = None, store: StoreOptions = FROM_SETTINGS) -> int:
    """Pause a schedule: its moments are missed until `saga schedule resume`."""
    settings = store.settings()
    log_for_people(settings)

    async def paused() -> None:
        async with connect(settings=settings) as sagas:
            await sagas.schedules.pause(name, actor=DEFAULTS.actor_name, reason=reason)

    run(paused())
    say(f"paused schedule {name}")
    return DONE


@schedule.command
def resume(name: str, /, *, reason: Reason = None, store: StoreOptions = FROM_SETTINGS) -> int:
    """Resume a schedule. `saga schedule fill` starts the sagas of the moments that it has missed."""
    settings = store.settings()
    log_for_people(settings)

    async def resumed() -> None:
        async with connect(settings=settings) as sagas:
            await sagas.schedules.resume(name, actor=DEFAULTS.actor_name, reason=reason)

    run(resumed())
    say(f"resumed schedule {name}")
    return DONE


@schedule.command
def rm(name: str, /, *, reason: Reason = None, store: StoreOptions = FROM_SETTINGS) -> int:
    """Remove a schedule, with its lines. Sagas that it has started go on."""
    settings = store.settings()
    log_for_people(settings)

    async def removed() -> None:
        async with connect(settings=settings) as sagas:
            await sagas.schedules.remove(name, actor=DEFAULTS.actor_name, reason=reason)

    run(removed())
    say(f"removed schedule {name}")
    return DONE


@schedule.command
def now(name: str, /, *, overlap: Overlap | None = None, store: StoreOptions = FROM_SETTINGS) -> int:
    """Start the saga of a schedule at once, and print its id.

    Parameters
    ----------
    overlap
        "start" starts it beside a saga that has not ended.
    """
    settings = store.settings()
    log_for_people(settings)

    async def started() -> str:
        async with connect(settings=settings) as sagas:
            return str(await sagas.schedules.start_now(name, overlap=overlap))

    print(run(started()))
    return DONE


@schedule.command
def fill(
    name: str,
    first: Annotated[str, Parameter(help="The first local time, such as 2026-03-01T00:00.")],
    last: Annotated[str, Parameter(help="The last one.")],
    /,
    *,
    overlap: Overlap | None = None,
    store: StoreOptions = FROM_SETTINGS,
) -> int:
    """Start the sagas of moments that were missed: `saga schedule fill nightly 2026-03-01T00:00 2026-03-07T00:00`.

    Parameters
    ----------
    overlap
        "start" starts them side by side; otherwise it stops where the saga before has not ended.
    """
    settings = store.settings()
    log_for_people(settings)

    async def filled() -> Filled:
        async with connect(settings=settings) as sagas:
            return await sagas.schedules.fill(name, first, last, overlap=overlap)

    done = run(filled())
    say(f"started {len(done.started):,} sagas")
    if not done.left:
        return DONE
    say(
        f"{len(done.left):,} moments are left from {moment_words(done.left[0])} on, since the saga before has not ended: run this again "
        "later, or with --overlap start",
        is_answer=False,
    )
    return FAILED


async def _all(settings: Settings) -> Sequence[ScheduleRow]:
    async with opened_store(settings) as adapter:
        return await adapter.schedules.all()


async def _one(settings: Settings, name: str) -> tuple[ScheduleRow, Sequence[RunLine]]:
    async with opened_store(settings) as adapter:
        return await adapter.schedules.find(name), await adapter.schedules.lines(name, LINES_SHOWN)


def _next(row: ScheduleRow, now: float, count: int) -> list[Moment]:
    return list(islice(row.spec.when.after(moment_at(now, row.spec.when.zone), 0.0), count))


def _list_page(rows: Sequence[ScheduleRow], now: float) -> list[RenderableType]:
    if not rows:
        return [Text("no schedules: saga schedule put creates one", style="dim")]
    shown = table("name", "definition", "when", "next", "last")
    for row in rows:
        following = _next(row, now, 1)
        coming = "paused" if row.is_paused else moment_words(following[0]) if following else "no further moments"
        last = "" if row.last is None else moment_words(row.last)
        shown.add_row(row.name, row.spec.definition, when_words(row.spec.when), coming, last)
    return [shown]


def _page(row: ScheduleRow, following: Sequence[Moment], lines: Sequence[RunLine]) -> list[RenderableType]:
    spec = row.spec
    head = f"{row.name}: starts {spec.definition}, {when_words(spec.when)}"
    rules = f"overlap {spec.overlap}, catch-up {spec.catch_up}"
    rules += "".join(f", {word} {value}" for word, value in (("jitter", spec.jitter), ("within", spec.within)) if value)
    parts: list[RenderableType] = [Text(head, style="bold"), Text(rules)]
    parts.append(Text("paused" if row.is_paused else f"next: {', '.join(map(moment_words, following)) or 'never'}"))
    shown = table("moment", "outcome")
    for line in lines:
        shown.add_row(moment_words(line.run.moment), Text(run_words(line)))
    return [*parts, Text(""), shown] if lines else [*parts, Text("no moment has come yet", style="dim")]
