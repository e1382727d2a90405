"""Real servers for tests: a URL from the environment, else a container, else a native server. Never a mock."""
