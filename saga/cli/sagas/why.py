"""`saga why`: what a saga waits for."""

from __future__ import annotations

from saga.cli.log_setup import log_for_people
from saga.cli.options import FROM_SETTINGS, Json, SagaReference, StoreOptions
from saga.cli.output import Page, print_page
from saga.cli.sagas.show import read_saga
from saga.inspection import why as explanation
from saga.inspection.wording import clock_of, sentence
from saga.loops import run


def why(saga: SagaReference, /, *, json: Json = False, store: StoreOptions = FROM_SETTINGS) -> None:
    """Say in one sentence what a saga waits for: since when, until when, and who can act."""
    settings = store.settings()
    log_for_people(settings)
    detail = run(read_saga(settings, saga))
    answer = explanation.why(detail)
    text = sentence(detail, answer, clock_of(detail.now))
    print_page(Page([text], {"saga": str(detail.saga), **answer.document(), "sentence": text}), as_json=json)
