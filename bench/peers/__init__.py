"""The peer's side: DBOS Transact, set up as fast as its documentation and source allow."""
