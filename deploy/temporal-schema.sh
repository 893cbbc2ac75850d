#!/bin/sh
# Create and update Temporal's two databases. Safe to run again: what exists is kept.
set -eu
export SQL_PASSWORD="$POSTGRES_PWD"

schema() { # database, folder
  tool="temporal-sql-tool --plugin postgres12 --ep $POSTGRES_SEEDS -p $DB_PORT -u $POSTGRES_USER --db $1"
  $tool create || true
  $tool setup-schema -v 0.0 || true
  $tool update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

schema temporal temporal
schema temporal_visibility visibility
