#!/usr/bin/env bash
# The PostgreSQL image runs this once: it creates the databases of the example's services, beside that of the store.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname store \
    --command "create database inventory" --command "create database shipping"
