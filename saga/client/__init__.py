"""The connection that users hold: it starts sagas, finds them and waits for them."""

from saga.client.ending import Ending, Sent, ending_document
from saga.client.registration import store_definition
from saga.client.sagas import Handle, Sagas
from saga.client.store import StoreSagas

__all__ = ["Ending", "Handle", "Sagas", "Sent", "StoreSagas", "ending_document", "store_definition"]
