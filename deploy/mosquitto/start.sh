#!/bin/sh
# Makes the accounts, and becomes the broker.
set -eu
sh /mosquitto/config/accounts.sh
exec mosquitto -c /mosquitto/config/mosquitto.conf
