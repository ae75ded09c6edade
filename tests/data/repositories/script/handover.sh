#!/bin/sh
# A UDP relay: handover.sh PORT SERVER
exec socat "UDP-RECVFROM:$1,fork" "UDP:$2:$1"
