"""Real servers for tests: a URL of the environment, else a container, else a native one. Never a mock."""
