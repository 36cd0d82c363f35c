#!/bin/sh
# Gives CityHelm's own processes their account, keeps those of the devices, and becomes the broker.
set -eu
umask 077
: "${MQTT_PASSWORD:?the password of CityHelm in the broker: expected in .env}"

accounts=/mosquitto/data/accounts
[ -e "$accounts" ] || : > "$accounts"
mosquitto_passwd -b "$accounts" cityhelm "$MQTT_PASSWORD"

# A copy of its own: Mosquitto will refuse a list that others may read.
cp /mosquitto/config/acl /tmp/acl

exec mosquitto -c /mosquitto/config/mosquitto.conf
