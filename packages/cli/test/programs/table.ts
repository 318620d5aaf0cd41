import type { SshCaller } from "@nacre/testing/peers/install";

/** What a program that calls `ssh` does over it, and what must be true after. */
export interface Row {
  /** The Debian package, which the tests install. */
  readonly package: SshCaller;
  readonly does: string;
  /**
   * A script for bash, in an empty folder that the server sees too. `ssh` is first in the PATH. `$HOST`, `$PORT` and `$LOGIN` name the
   * server and its user, as does `box` in the configuration. `$FREE` is a free port. Any error ends it.
   */
  readonly script: string;
  /** What it prints. */
  readonly prints: string;
}

const MAKE_REPOSITORIES = `
git init -q --bare -b main there.git
git init -q -b main work
git -C work commit -q --allow-empty -m one
git -C work push -q ssh://$LOGIN@$HOST:$PORT$PWD/there.git main`;

const MAKE_TREE = `
mkdir -p tree/sub
seq 1 200000 > tree/numbers
head -c 300000 /dev/urandom > 'tree/sub/random bytes'
ln -s numbers tree/link`;

/** Programs whose rows run with every other test, because most people who replace \`ssh\` use them. */
export const COMMON_ROWS: readonly Row[] = [
  {
    package: "git",
    does: "pushes, clones and pulls at a port",
    script: `${MAKE_REPOSITORIES}
git clone -q ssh://$LOGIN@$HOST:$PORT$PWD/there.git copy
git -C copy log --format=%s
git -C work commit -q --allow-empty -m two
git -C work push -q ssh://$LOGIN@$HOST:$PORT$PWD/there.git main
git -C copy pull -q
git -C copy log --format=%s`,
    prints: "one\ntwo\none\n",
  },
  {
    package: "git",
    does: "clones from a host of the configuration, and asks nacre-ssh -G whether it takes options",
    script: `${MAKE_REPOSITORIES}
git clone -q box:$PWD/there.git copy
git -C copy log --format=%s
GIT_SSH_COMMAND=nacre-ssh GIT_TRACE=$PWD/trace git ls-remote -q ssh://$LOGIN@$HOST:$PORT$PWD/there.git | wc -l
grep -q 'nacre-ssh -G' trace && echo asked`,
    prints: "one\n2\nasked\n",
  },
  {
    package: "rsync",
    does: "copies a tree both ways, and only what changed",
    script: `${MAKE_TREE}
rsync -a -e "ssh -p $PORT" tree $LOGIN@$HOST:$PWD/up/
diff -r tree up/tree
seq 2 200000 > tree/numbers
rsync -a box:$PWD/up/tree/ down
seq 1 200000 | diff - down/numbers
rsync -a --stats -e "ssh -p $PORT" tree/ $LOGIN@$HOST:$PWD/up/tree | grep -E 'regular files transferred'
diff -r tree up/tree
readlink down/link`,
    prints: "Number of regular files transferred: 1\nnumbers\n",
  },
  {
    package: "openssh-client",
    does: "copies files with scp, by SFTP and by the old protocol",
    script: `${MAKE_TREE}
for protocol in -s -O; do
  scp -q -r $protocol -S ssh -P $PORT tree $LOGIN@$HOST:$PWD/up$protocol
  scp -q -r $protocol -S ssh -P $PORT $LOGIN@$HOST:$PWD/up$protocol down$protocol
  diff -r tree down$protocol
done
scp -q -3 -S ssh "scp://$LOGIN@$HOST:$PORT/$PWD/tree/numbers" "scp://$LOGIN@$HOST:$PORT/$PWD/third"
cmp tree/numbers third
echo copied`,
    prints: "copied\n",
  },
  {
    package: "openssh-client",
    does: "runs a batch of sftp",
    script: `${MAKE_TREE}
printf '%s\\n' "put tree/numbers $PWD/up" "get $PWD/up down" "chmod 600 $PWD/up" "ls -l $PWD/up" > batch
sftp -q -S ssh -b batch box | grep -c '^-rw-------'
cmp tree/numbers down`,
    prints: "1\n",
  },
];

/** The other programs. */
export const OTHER_ROWS: readonly Row[] = [
  {
    package: "git",
    // Through a variable, which a server accepts only if its configuration names it.
    does: "speaks protocol 2",
    script: `${MAKE_REPOSITORIES}
GIT_TRACE_PACKET=1 git ls-remote -q ssh://$LOGIN@$HOST:$PORT$PWD/there.git 2>&1 | grep -c '< version 2'`,
    prints: "1\n",
  },
  {
    package: "sshfs",
    does: "mounts a folder",
    script: `${MAKE_TREE}
mkdir mounted
sshfs -p $PORT $LOGIN@$HOST:$PWD/tree mounted
trap 'fusermount3 -u mounted' EXIT
diff -r tree mounted
echo new > mounted/written
cat tree/written`,
    prints: "new\n",
  },
  {
    package: "lftp",
    does: "mirrors a folder",
    script: `${MAKE_TREE}
lftp -c "set net:max-retries 1; set net:timeout 20; open sftp://$LOGIN:@$HOST:$PORT; mirror $PWD/tree $PWD/down; put tree/numbers -o $PWD/up"
diff -r tree down
cmp tree/numbers up
echo mirrored`,
    prints: "mirrored\n",
  },
  {
    package: "ansible-core",
    does: "runs modules, copies a file, and finds it unchanged at the second time",
    // Ansible finds \`ssh\` in the PATH, but the sftp that it calls has a path of its own.
    script: `echo text > file
export ANSIBLE_HOME=$PWD/ansible ANSIBLE_SFTP_EXTRA_ARGS='-S ssh' ANSIBLE_STDOUT_CALLBACK=minimal ANSIBLE_LOCALHOST_WARNING=false
echo "box ansible_python_interpreter=/usr/bin/python3" > hosts
cat > play.yml <<EOF
- hosts: all
  gather_facts: false
  tasks:
    - copy: { src: $PWD/file, dest: $PWD/there, mode: "0600" }
      register: copied
    - debug: { var: copied.changed }
    - command: cat $PWD/there
      register: read
    - debug: { var: read.stdout }
EOF
ansible-playbook -i hosts play.yml | grep -E '"(copied.changed|read.stdout)"'
ansible all -i hosts -m copy -a "src=$PWD/file dest=$PWD/there mode=0600" | grep -E 'changed"'`,
    prints: '    "copied.changed": true\n    "read.stdout": "text"\n    "changed": false,\n',
  },
  {
    package: "mosh",
    does: "starts its server and shows a program's output",
    script: `export TERM=xterm MOSH_SERVER_NETWORK_TMOUT=20
timeout 40 script -qfc "stty rows 24 cols 80; mosh box -- sh -c 'echo mo''shed; sleep 5'" /dev/null < /dev/null | grep -ac moshed`,
    prints: "1\n",
  },
  {
    package: "borgbackup",
    does: "makes a repository, an archive, and extracts it",
    script: `${MAKE_TREE}
export BORG_BASE_DIR=$PWD/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_REPO=ssh://$LOGIN@$HOST:$PORT$PWD/there
borg init -e none
borg create ::one tree
borg list --short
mkdir out; cd out; borg extract ::one
diff -r tree ../tree`,
    prints: "one\n",
  },
  {
    package: "restic",
    does: "makes a repository, a snapshot, and restores it",
    script: `${MAKE_TREE}
export RESTIC_PASSWORD=x RESTIC_REPOSITORY=sftp:box:$PWD/there RESTIC_CACHE_DIR=$PWD/cache
restic -q init
restic -q backup tree
restic -q restore latest --target out > restored
diff -r tree out/tree
restic -q check
restic -q snapshots --json | tr ',' '\\n' | grep -c short_id`,
    prints: "1\n",
  },
  {
    package: "git-annex",
    does: "gets a file's content and sends one",
    script: `git init -q -b main there; cd there; git annex init -q there
seq 1 100000 > numbers; git annex add -q numbers; git commit -qm numbers; cd ..
git clone -q ssh://$LOGIN@$HOST:$PORT$PWD/there work; cd work; git annex init -q work
git annex get -q numbers
tail -n 1 numbers
echo more > more; git annex add -q more; git commit -qm more
git annex copy -q --to origin more
git annex find --in origin --format='\${file}\\n' more`,
    prints: "100000\nmore\n",
  },
  {
    package: "emacs-nox",
    does: "reads and writes a file and runs a process through TRAMP",
    script: `echo read > there
cat > try.el <<EOF
(require 'tramp)
(setq tramp-verbose 1 password-cache nil)
(let ((there "/ssh:box:$PWD/"))
  (princ (with-temp-buffer (insert-file-contents (concat there "there")) (buffer-string)))
  (write-region "written" nil (concat there "new") nil 'quiet)
  (let ((default-directory there))
    (princ (shell-command-to-string "echo run"))))
EOF
timeout 60 emacs -Q --batch -l try.el 2> messages || { cat messages >&2; exit 1; }
cat new`,
    prints: "read\nrun\nwritten",
  },
  {
    package: "autossh",
    does: "keeps a forward and starts ssh again when it was killed",
    // A connection to a process that ends may be accepted and closed.
    script: `said() { (exec 3<> /dev/tcp/127.0.0.1/$FREE && head -c 4 <&3) 2> /dev/null || true; }
greeting() { for i in $(seq 200); do test "$(said)" = SSH- && echo SSH- && return; sleep 0.2; done; return 1; }
AUTOSSH_PATH=$(command -v ssh) AUTOSSH_GATETIME=0 AUTOSSH_POLL=10 AUTOSSH_PIDFILE=$PWD/pid autossh -M 0 -o ServerAliveInterval=30 -N -p $PORT -L 127.0.0.1:$FREE:127.0.0.1:$PORT $LOGIN@$HOST 2> log &
trap 'kill $!; wait $! || true' EXIT
greeting
old=$(pgrep -P $(cat pid))
kill $old
while kill -0 $old 2> /dev/null; do sleep 0.1; done
greeting`,
    prints: "SSH-\nSSH-\n",
  },
  {
    package: "sshpass",
    does: "finds the question for a passphrase at the terminal and answers it",
    script: `ssh-keygen -q -t ed25519 -N '' -f none
sshpass -P 'assphrase for key' -p "$PASSPHRASE" ssh -i "$LOCKED_KEY" -o IdentityAgent=none -p $PORT $LOGIN@$HOST echo answered < /dev/null`,
    prints: "answered\n",
  },
  {
    package: "openssh-client",
    does: "runs what docker runs",
    script: `ssh "-o ConnectTimeout=30" -T -l $LOGIN -p $PORT -- $HOST echo docker system dial-stdio`,
    prints: "docker system dial-stdio\n",
  },
  {
    package: "openssh-client",
    does: "runs what VS Code runs",
    script: `ssh -V 2>&1 | grep -cE '^OpenSSH_[0-9]'
echo 'echo "$0"' | ssh -v -T -D $FREE -o ConnectTimeout=15 -p $PORT $LOGIN@$HOST bash 2> messages
grep -cE "Local connections to LOCALHOST:$FREE forwarded|^Authenticated to $HOST .* using \\"publickey\\"" messages`,
    prints: "1\nbash\n2\n",
  },
  {
    package: "openssh-client",
    does: "runs what rclone runs",
    script: `mkfifo end
(printf '\\0\\0\\0\\5\\1\\0\\0\\0\\3'; cat end) | ssh $LOGIN@$HOST -p $PORT -s sftp | { head -c 9 | tail -c 5 | od -An -tx1; : > end; }`,
    prints: " 02 00 00 00 03\n",
  },
];
