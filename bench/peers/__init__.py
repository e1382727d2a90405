"""The peer: DBOS Transact, configured to be as fast as its documentation and source allow."""
