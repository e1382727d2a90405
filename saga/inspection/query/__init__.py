"""The query language for sagas: `definition:order is:stuck age:>10m`. One grammar for `saga ls`, the API and the pages."""
