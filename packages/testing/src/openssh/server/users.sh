# Functions for the users of the test servers, to be sourced. Every test user has this comment in /etc/passwd, so that
# remove_users deletes no other user of the machine.
user_mark='nacre test user'

# add_user NAME PASSWORD [expired]
add_user() {
  (
    flock -w 30 9
    if id "$1" >/dev/null 2>&1; then
      getent passwd "$1" | grep -q ":$user_mark:" || { echo "user $1 exists and is not a test user" >&2; exit 1; }
    else
      # Without a skeleton folder: start-up files of the shell would make each command slower.
      useradd --create-home --skel /nonexistent --shell /bin/bash --comment "$user_mark" "$1"
    fi
    printf '%s:%s\n' "$1" "$2" | chpasswd
    if [ "${3:-}" = expired ]; then chage -d 0 "$1"; else chage -d -1 "$1"; fi
  ) 9>"$NACRE_STATE/users.lock"
}

remove_users() {
  local name
  getent passwd | grep ":$user_mark:" | cut -d: -f1 | while read -r name; do
    pkill -KILL -u "$name" || true
    userdel --remove --force "$name" 2>/dev/null || true
  done
}
