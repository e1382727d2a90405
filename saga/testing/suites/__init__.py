"""For adapter authors: conformance suites. An adapter conforms when it passes the suite of its port.

`bus.BusSuite`, `election.ElectionSuite`, `journal.JournalSuite` and `store.suite.StoreSuite` are the contracts of the ports;
`url.UrlSuite` is for adapters that read their URL with `saga.ports.url`.
"""
