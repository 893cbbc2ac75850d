#!/bin/sh
# Namespace with 90 days of retention (workflow ids stay unique that long) and our search attributes.
set -eu
until temporal operator cluster health --address "$TEMPORAL_ADDRESS"; do sleep 2; done
if temporal operator namespace describe --address "$TEMPORAL_ADDRESS" -n "$TEMPORAL_NAMESPACE"; then
  temporal operator namespace update --address "$TEMPORAL_ADDRESS" -n "$TEMPORAL_NAMESPACE" --retention 90d
else
  temporal operator namespace create --address "$TEMPORAL_ADDRESS" -n "$TEMPORAL_NAMESPACE" --retention 90d
fi
# A new namespace is known to every server process only after some seconds.
tries=0
until temporal operator search-attribute create --address "$TEMPORAL_ADDRESS" -n "$TEMPORAL_NAMESPACE" \
  --name OrgId --type Keyword --name DraftId --type Keyword --name DraftNumber --type Keyword \
  --name DraftStatus --type Keyword --name WaitingFor --type Keyword; do
  tries=$((tries + 1))
  [ "$tries" -lt 15 ] || exit 1
  sleep 2
done
