"""`python -m bench.peers dbos_steps --url ...`

One entry for all scripts, because a worker process imports the main module of its parent again:
a script run as the main module would register its workflows twice.
"""

from bench.peers.trial import main

if __name__ == "__main__":
    main()
