#!/bin/sh
# Puts together who may come in and what they may do: CityHelm's own processes, and the devices that `cityhelm devices credentials`
# has written into the directory devices. Run again, and followed by a SIGHUP to the broker, it takes in what has changed there.
set -eu
umask 077
config=${BROKER_CONFIG:-/mosquitto/config}
made=${BROKER_MADE:-/tmp}

: > "$made/accounts.new"
mosquitto_passwd -b "$made/accounts.new" ingest "${MQTT_INGEST_PASSWORD:?the password of the ingester: expected in .env}"
mosquitto_passwd -b "$made/accounts.new" dispatcher "${MQTT_DISPATCHER_PASSWORD:?the password of the dispatcher: expected in .env}"
mosquitto_passwd -b "$made/accounts.new" notifier "${MQTT_NOTIFIER_PASSWORD:?the password of the notifier: expected in .env}"
mosquitto_passwd -b "$made/accounts.new" simulator "${MQTT_SIMULATOR_PASSWORD:?the password of the simulator: expected in .env}"
cp "$config/acl" "$made/acl.new"
if [ -e "$config/devices/accounts" ]; then
  cat "$config/devices/accounts" >> "$made/accounts.new"
  { echo; cat "$config/devices/acl"; } >> "$made/acl.new"
fi
mv "$made/accounts.new" "$made/accounts"
mv "$made/acl.new" "$made/acl"

# The door for devices is open when the broker has a certificate to show there.
mkdir -p "$made/listeners"
if [ -e "$config/listeners/broker.crt" ] && [ -e "$config/listeners/broker.key" ]; then
  cp "$config/listeners/devices.conf" "$made/listeners/devices.conf"
fi
