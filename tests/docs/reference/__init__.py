"""Reference pages that are generated from the code, one module a page."""
