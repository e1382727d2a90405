"""The servers, processes and sagas that a measurement runs on."""
