#!/bin/bash
# Starts and stops the sshds of the tests. Each has a folder with its keys, sshd_config, log and sshd.pid.
#
#   start PORT TYPE...        starts a server on 127.0.0.1:PORT with new host keys of these types (ed25519 rsa-3072
#                             ecdsa-256 ecdsa-384 ecdsa-521); reads sshd_config from standard input; prints its
#                             folder and then its public keys; exits with status 98 if the port is in use
#   kill-sessions FOLDER      kills every connection; the server keeps listening
#   stop FOLDER               kills the server and every connection
#   add-user NAME [expired]   creates a user; reads the password from standard input
#   authorize-key NAME        authorizes keys for a user; reads public key lines from standard input
set -eu

# Skips zombies: on some machines the first process reaps them late.
descendants() {
  local pid
  for pid in $(ps --ppid "$1" -o pid=,stat= | awk '$2 !~ /^Z/ { print $1 }'); do
    echo "$pid"
    descendants "$pid"
  done
}

start() {
  local port=$1 folder type
  shift
  folder=$(mktemp -d "$NACRE_STATE/sshd.XXXXXX")
  chmod 0755 "$folder"
  {
    for type in "$@"; do echo "HostKey $folder/host-key-$type"; done
    printf '%s\n' "ListenAddress 127.0.0.1:$port" "PidFile $folder/sshd.pid" \
      "AuthorizedKeysFile $NACRE_STATE/authorized_keys/%u"
    cat
  } >"$folder/sshd_config"
  for type in "$@"; do
    case $type in
      *-*) ssh-keygen -q -N '' -C "$type" -t "${type%-*}" -b "${type#*-}" -f "$folder/host-key-$type" ;;
      *) ssh-keygen -q -N '' -C "$type" -t "$type" -f "$folder/host-key-$type" ;;
    esac
  done

  setsid /usr/sbin/sshd -D -f "$folder/sshd_config" -E "$folder/log" </dev/null >"$folder/start" 2>&1 &
  local pid=$!
  # sshd writes its PidFile after it starts to listen.
  for _ in $(seq 500); do
    if [ -s "$folder/sshd.pid" ]; then
      echo "$folder"
      cat "$folder"/host-key-*.pub
      return 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  kill -KILL "$pid" 2>/dev/null || true
  cat "$folder/start" "$folder/log" >&2 2>/dev/null || true
  if grep -qs 'Address already in use' "$folder/log"; then
    rm -rf "$folder"
    return 98
  fi
  return 1
}

kill_sessions() {
  local listener pids
  listener=$(cat "$1/sshd.pid")
  for _ in $(seq 250); do
    pids=$(descendants "$listener")
    [ -n "$pids" ] || return 0
    kill -KILL $pids 2>/dev/null || true
    sleep 0.02
  done
  echo "connections of sshd $listener still run after SIGKILL: $pids" >&2
  return 1
}

stop() {
  local listener
  [ -s "$1/sshd.pid" ] || return 0
  listener=$(cat "$1/sshd.pid")
  # Suspends the listener first, so that it starts no connection while its children are listed.
  kill -STOP "$listener" 2>/dev/null || return 0
  kill -KILL $(descendants "$listener") "$listener" 2>/dev/null || true
  for _ in $(seq 250); do
    if ! ps -p "$listener" -o stat= | grep -q '^[^Z]'; then
      rm -f "$1/sshd.pid"
      return 0
    fi
    sleep 0.02
  done
  echo "sshd $listener still runs after SIGKILL" >&2
  return 1
}

command=$1
shift
case $command in
  start) start "$@" ;;
  kill-sessions) kill_sessions "$1" ;;
  stop) stop "$1" ;;
  add-user)
    . "$(dirname "$0")/users.sh"
    IFS= read -r password
    add_user "$1" "$password" "${2:-}"
    ;;
  authorize-key) cat >>"$NACRE_STATE/authorized_keys/$1" ;;
  *)
    echo "unknown command $command" >&2
    exit 2
    ;;
esac
