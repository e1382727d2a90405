#!/usr/bin/env bash
# Run once by the image of PostgreSQL: the databases of the order example's services, beside that of the store.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname store \
    --command "create database inventory" --command "create database shipping"
