#!/bin/sh
# The whole contract of card keys by curl:  sh card.sh https://cards.example VIP-DEMO123456
set -eu
address=$1
code=$2
machine="PC-$(uname -n | cksum | cut -d ' ' -f 1)"

echo "is the service there?"
curl -sS "$address/api/health"
echo

echo "is the card good for this machine? (its first use activates it)"
curl -sS -H 'Content-Type: application/json' \
  -d "{\"code\": \"$code\", \"machine_code\": \"$machine\"}" "$address/api/validate"
echo

echo "where does it stand?"
curl -sS -G --data-urlencode "machine_code=$machine" "$address/api/status/$code"
echo
