"""The rows of `make bench-api`: each module measures one promise of the API and its pages."""
