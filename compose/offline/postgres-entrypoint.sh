#!/bin/sh
# What the official image does at the first start with POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_HOST_AUTH_METHOD,
# POSTGRES_DB and POSTGRES_INITDB_ARGS.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # several arguments in one variable, as in the official image
    printf '%s\n' "${POSTGRES_PASSWORD-}" | initdb --username="$POSTGRES_USER" ${POSTGRES_PASSWORD:+--pwfile=/dev/stdin} \
        --auth="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" --encoding=UTF8 ${POSTGRES_INITDB_ARGS-}
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" postgres >/dev/null
fi
exec "$@"
