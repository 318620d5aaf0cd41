#!/bin/bash
# Creates the users and files of the test servers, prints "ready", and runs until its standard input closes. The kernel closes it
# when the process that started this script exits or is killed, so the servers end with the run.
#
# NACRE_STATE     folder for all files
# NACRE_PASSWORD  password of alice and bob
# NACRE_PLAIN     set if there is no container: users and files on the machine are then removed at the end
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
  # Users exist once per machine, so only one run may use them at a time. Users and files found under the lock are leftovers.
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
