#!/bin/bash
# Makes the test server's surroundings, says "ready", and lives as long as its standard input stays open: the
# kernel closes that when whoever started it ends, however it ends, so nothing outlives a run.
#
# NACRE_STATE     the folder everything is kept in
# NACRE_PASSWORD  the password of alice and bob
# NACRE_PLAIN     set when this is no container: then what was made on the machine is taken away again
set -eu
here=$(dirname "$0")
. "$here/users.sh"

clean_up() {
  if [ -n "${NACRE_PLAIN:-}" ]; then
    for server in "$NACRE_STATE"/sshd.*; do
      [ ! -e "$server" ] || bash "$here/sshd-control.sh" stop "$server" || true
    done
    remove_users
    rm -rf /etc/pam.d/nacre-password /etc/pam.d/nacre-password-and-code "$NACRE_STATE"
  fi
}
if [ -n "${NACRE_PLAIN:-}" ]; then
  # Users belong to the machine, so one run at a time; and what is there when the lock is ours, nobody uses.
  exec 8>/run/nacre-openssh-plain.lock
  flock -w 900 8
  clean_up
fi
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

mkdir -p -m 0755 /run/sshd "$NACRE_STATE" "$NACRE_STATE/authorized_keys"
for service in "$here"/pam.d/*; do
  sed "s|@STATE@|$NACRE_STATE|" "$service" >"/etc/pam.d/$(basename "$service")"
done
install -m 0400 "$here/one-time-secret" "$NACRE_STATE/one-time-secret"
add_user alice "$NACRE_PASSWORD"
add_user bob "$NACRE_PASSWORD" expired
unset NACRE_PASSWORD

echo ready
while read -r _; do :; done
