const KEYGEN_USAGE = `nacre keygen -t ed25519|rsa|ecdsa [-b BITS] [-f FILE] [-N PASSPHRASE] [-C COMMENT]
                    [-m RFC4716|PKCS8|PEM|PPK] [-a ROUNDS] [-Z CIPHER] [-q]
       nacre keygen -l [-v] [-E sha256|md5] -f FILE
       nacre keygen -e [-m RFC4716|PKCS8|PEM] [-P PASSPHRASE] -f FILE
       nacre keygen -i [-m RFC4716|PKCS8|PEM] -f FILE
       nacre keygen -y [-P PASSPHRASE] -f FILE
       nacre keygen -p [-P OLD] [-N NEW] [-m RFC4716|PKCS8|PEM|PPK] [-a ROUNDS] [-Z CIPHER] -f FILE
       nacre keygen -c [-P PASSPHRASE] [-C COMMENT] [-a ROUNDS] [-Z CIPHER] -f FILE
       nacre keygen -r NAME [-g] [-O hashalg=sha1|sha256] [-f FILE]
       nacre keygen -F HOST [-lvHq] [-E sha256|md5] [-f KNOWN_HOSTS]
       nacre keygen -H|-R HOST [-q] [-f KNOWN_HOSTS]
       nacre keygen -s AUTHORITY [-h] [-U] -I ID [-n NAMES] [-V VALIDITY] [-z [+]SERIAL] [-O OPTION]… [-t rsa-sha2-256|rsa-sha2-512]
                    [-P PASSPHRASE] [-q] FILE…
       nacre keygen -L [-E sha256|md5] -f FILE
       nacre keygen -Y sign -n NAMESPACE -f KEY [-O hashalg=sha256|sha512] [-P PASSPHRASE] [-qU] [FILE…]
       nacre keygen -Y verify -n NAMESPACE -f SIGNERS -I IDENTITY -s SIGNATURE [-r REVOKED] [-O verify-time=TIME] [-O print-pubkey] [-q]
       nacre keygen -Y check-novalidate -n NAMESPACE -s SIGNATURE [-O print-pubkey] [-q]
       nacre keygen -Y find-principals -f SIGNERS -s SIGNATURE [-O verify-time=TIME]
       nacre keygen -Y match-principals -f SIGNERS -I IDENTITY
       nacre keygen -k [-uq] -f LIST [-s AUTHORITY|none] [-z VERSION] [-C COMMENT] [FILE…]
       nacre keygen -Q [-l] -f LIST [KEY…]
`;

const SERVE_OPTIONS = `  --listen ADDRESS    address to listen on (127.0.0.1: this machine only); :: listens on every address
  -p, --port PORT     port to listen on (2222); 0 chooses a free port
  --host-key FILE     host key; repeatable (~/.config/nacre/ssh_host_ed25519_key, created if missing)
  --host-certificate FILE  certificate of a host key, to offer beside the key; repeatable
  --authorized-keys FILE  keys that may log in, with their options (~/.ssh/authorized_keys)
  --trusted-user-ca-keys FILE  keys of authorities whose certificates may log in as the users that they name
  --authorized-principals-file FILE  names of which those certificates must have one instead: one in each line of FILE, in which %u is the
                      user, %U the account's id and %h its home
  --revoked-keys FILE  keys and authorities that may not log in; if FILE cannot be used, all are refused
  --verify-required   accept a security key only if it verified its user, such as by a PIN (as the key's line or certificate says)
  --user NAME         user name that may log in; repeatable (the account that runs the server; every command runs as that account)
  -c CIPHERS          ciphers to offer, separated by commas, most preferred first
  -m MACS             MACs to offer, in the same form
  --kex METHODS       key exchange methods to offer, in the same form
  --subsystem NAME=COMMAND  command that serves a subsystem; empty to remove it
  --no-exec           refuse commands and shells; run subsystems only
  --sftp-root DIR     directory that SFTP clients see as / (the whole system, starting in the home; with --no-exec, no SFTP). Commands still
                      see the whole system: add --no-exec for clients such as rclone, which run md5sum on the paths that SFTP shows
  --sftp-read-only    let SFTP clients change nothing
  --no-sftp           serve no SFTP
  --permit-user-environment  let environment= in authorized_keys set any variable
  --allow-forwarding  let clients forward connections, as far as their keys allow: to any host, and from loopback. Logins that may not run
                      every command (--no-exec, a forced command) reach services of this machine only by name, as in --permit-open
  --permit-open PLACE destination that clients may connect to: host:port, host:*, *:port or a Unix socket path; repeatable
                      (*:*; for those logins * does not match this machine, so name it: localhost:5432, 127.0.0.1:*)
  --permit-listen PLACE  where clients may listen on this machine: port, host:port or a Unix socket path, * matches anything;
                      repeatable (*:*, no Unix sockets)
  --gateway-ports no|yes|clientspecified  listen for clients on loopback, on every address, or on the address they request (no)
  --exempt NETWORK    address or network (192.0.2.0/24) exempt from the per-source limits before login; repeatable
  --no-per-source     turn the per-source limits off; for use behind a proxy, which hides the clients' addresses
  --banner TEXT       text to show before login
  --log text|json     format of the log on standard error (text)
`;

const GATEWAY_OPTIONS = `  --origin ORIGIN     origin of pages that may connect, such as https://app.example.org; repeatable
  --allow PLACE       destination: host:port, [address]:port, or *:port for any public host; repeatable. A name reaches private
                      addresses only with their networks: host:22=10.0.0.0/8
  --listen ADDRESS    address to listen on (127.0.0.1: this machine only); :: listens on every address
  -p, --port PORT     port to listen on (8022); 0 chooses a free port
  --host HOST         accepted Host header; repeatable (hosts of the origins; on loopback also its own address)
  --cert FILE, --key FILE  certificate and private key in PEM, to serve TLS
  --trusted-proxy NETWORK  proxy whose X-Forwarded-For and X-Forwarded-Proto are trusted: an address or network; repeatable
  --allow-insecure    accept connections without TLS from other machines
  --allow-missing-origin  accept clients that send no Origin, such as programs
  --issue-token FILE  issue tickets at PATH/issue, only to servers with the token in FILE (tickets for pages of the gateway's own origin)
  --tickets URL       keep tickets in Valkey or Redis, for several gateways behind a balancer
  --address URL       URL at which clients resume connections to this gateway, behind a balancer
  --plain PLACE       also forward WebSockets without a ticket, to this destination only
  --path PATH         path of the WebSocket (/ssh)
  --metrics           serve Prometheus metrics at /metrics, to anyone who can reach it
  --limit NAME=NUMBER change a limit, such as maxConnections=100; repeatable
  --log text|json     format of the log on standard error (text)
`;

const CP_USAGE = "nacre cp [option…] SOURCE… TARGET";

const SFTP_USAGE = "nacre sftp [option…] [user@]host[:PATH] [LOCAL]";

/** Options of `nacre cp` and `nacre sftp` that say how to connect. */
const CONNECTION_HELP = `  -i FILE             private key to log in with; repeatable (keys of ssh-agent, then ~/.ssh/id_*)
  -P PORT             port of the server (22)
  -J HOP[,HOP…]       connect through jump hosts, [user@]host[:port] each, nearest first
  -F FILE             configuration file, or none (~/.ssh/config and /etc/ssh/ssh_config)
  -o KEYWORD=VALUE    set a keyword of ssh_config(5); repeatable
  -A                  offer the agent to the server
  -C                  no effect: there is no compression
  -v                  print the stages of the connection
  -4, -6              use IPv4 or IPv6 only
  --known-hosts FILE  known host keys (~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts)
  --accept-new        accept an unknown host and remember its key
  --host-key SHA256:… accept only this host key; repeatable
  -c CIPHERS, -m MACS, --kex METHODS  algorithms to offer, separated by commas, most preferred first
  --trace             print each packet to standard error, without secrets
  --keylog FILE       append session secrets to FILE, a regular file, for Wireshark; anyone with them can decrypt the session
`;

/** `nacre --help`. */
export const HELP: string = `usage: nacre [option…] [user@]host [option…] [--] [command…]
       ${CP_USAGE}
       ${SFTP_USAGE}
       ${KEYGEN_USAGE}       nacre serve [option…]
       nacre sftp-server [option…]
       nacre gateway --origin ORIGIN --allow HOST:PORT [option…]
       nacre --help | --version

Runs the command on the host, or a login shell if there is no command. Exits with the command's status; with 255 and one line on
standard error if the connection fails or a signal ends the command. The options are those of ssh(1), and some more, which begin with --
and stand before the host. nacre-ssh, and any link named ssh, have no commands such as cp: nacre-ssh cp connects to the host cp. The host
may also be written ssh://[user@]host[:port]. Defaults are in parentheses.

  -i FILE             private key to log in with; repeatable (keys of ssh-agent, then ~/.ssh/id_*)
  -p PORT             port of the server (22)
  -l USER             user to log in as (the user before the @, or your user name)
  -t                  request a terminal for a command too; -tt even if standard input is not a terminal
  -T                  request no terminal, also for a shell
  -n                  let the command read no input
  -s                  start the subsystem that the command names
  -J HOP[,HOP…]       connect through jump hosts, [user@]host[:port] each, nearest first
  -L [BIND:]PORT:HOST:HOSTPORT  listen here and connect from the server to HOST:HOSTPORT; a socket path may replace either side
  -R [BIND:]PORT:HOST:HOSTPORT  listen on the server (0 chooses a free port) and connect from here; without HOST, a SOCKS proxy
  -D [BIND:]PORT      listen here as a SOCKS proxy that connects from the server
  -W HOST:PORT        connect standard input and output to HOST:PORT from the server
  -N                  run no command and no shell
  --reconnect         with -N: connect again when the connection is lost, and keep the forwards
  -f                  go to the background after login, once the forwards are set up
  -g                  let other machines use the forwards that listen here
  -A, -a              offer the agent to the server's commands, or do not (-a)
  -F FILE             configuration file, or none (~/.ssh/config and /etc/ssh/ssh_config)
  -o NAME=VALUE       keyword of ssh_config(5), such as ExitOnForwardFailure=yes or SetEnv=NAME=VALUE; README lists those that act
  -P TAG              select the blocks Match tagged TAG
  -G                  print what a connection would use, and exit
  -o ConnectTimeout=SECONDS  time for connecting to each host, until its key exchange is complete
  -b ADDRESS          address of this machine to connect from
  -4, -6              use IPv4 or IPv6 only
  -e CHARACTER        escape character of a remote terminal, or none (~)
  --known-hosts FILE  known host keys (~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts)
  --accept-new        accept an unknown host and remember its key
  --host-key SHA256:… accept only this host key; repeatable
  -c CIPHERS          ciphers to offer, separated by commas, most preferred first
  -m MACS             MACs to offer, in the same form
  --kex METHODS       key exchange methods to offer, in the same form
  -q                  print no messages
  -v                  print the stages of the connection
  -E FILE             append messages to FILE in place of standard error
  --trace             print each packet to standard error, without secrets
  --keylog FILE       append session secrets to FILE, a regular file, for Wireshark; anyone with them can decrypt the session
  -V                  print the version of OpenSSH whose options are known
  -Q KIND             print the algorithms of a kind, such as cipher, mac, kex and key; -Q help lists the kinds

nacre cp copies files and directories to and from servers; nacre sftp works with the files of a server. nacre cp --help and
nacre sftp --help list their options.

nacre serve runs an SSH server for the account that starts it, until SIGINT (Ctrl-C), SIGTERM or SIGHUP. Its options:

${SERVE_OPTIONS}
nacre sftp-server speaks SFTP on standard input and output, in place of OpenSSH's. nacre sftp-server --help lists its options.

nacre gateway lets pages reach SSH servers: from WebSocket to TCP. nacre gateway --help lists its options.

In a remote terminal, type ~. at the start of a line to close the connection, or ~~ to send one ~.
`;

/** `nacre cp --help`. */
export const COPY_HELP: string = `usage: ${CP_USAGE}

Copies files to a server, from a server, or between servers, through this machine. A place on a server is [user@]host:PATH, or
ssh://[user@]host[:port]/PATH, also with sftp:// or scp://. PATH is relative to the user's directory; after an address, two slashes make it
absolute. Patterns such as *.log are expanded on the server. A local path with a colon before its first slash needs ./ before it.
Exits with 0; with 1 if something was not copied; with 255 if a connection fails. Defaults are in parentheses.

  -r                  copy directories with everything in them
  -p                  keep times and permission bits
  --resume            keep what a failed copy leaves, and continue it
  --verify[=size|sha256]  compare the sizes, or the SHA-256 digests, of source and copy (sha256 if no value is given)
  --limit RATE        copy at most RATE bytes a second, such as 500K or 1.5M
  --symlinks follow|keep|skip  symbolic links in directories: copy what they lead to, copy the links, or leave them out (follow)
  -q                  show no progress
  -O                  use the older protocol of scp, for devices and servers without SFTP; a directory as the target ends with a slash
${CONNECTION_HELP}`;

/** `nacre sftp --help`. */
export const SFTP_HELP: string = `usage: ${SFTP_USAGE}

Works with the files of a server: type help for the commands, Tab to complete a name. If PATH is a directory, the session begins there;
if it is a file, it is fetched to LOCAL. The place may also be written sftp://[user@]host[:port][/PATH]. Exits with 0; with 1 if a command of
a batch failed or PATH does not exist; with 255 if the connection fails. Defaults are in parentheses.

  -b FILE             run the commands in FILE, - for standard input, and stop at the first that fails. A line that begins with - may
                      fail; one that begins with @ is not printed. Nothing is asked at the terminal
  -r                  let get and put take directories
  -p                  let them keep times and permission bits
  -f                  let them store files durably, on a server with fsync@openssh.com
  -a                  let them keep what a failed transfer leaves, and continue it
  --limit RATE        move at most RATE bytes a second, such as 500K or 1.5M
  -q                  announce no transfer, and show no progress
${CONNECTION_HELP}`;

/** `nacre keygen --help`. */
export const KEYGEN_HELP: string = `usage: ${KEYGEN_USAGE}
Creates a private key and its public key (FILE.pub). With -l, shows the fingerprint of each key in a file. With -e, -i, -y and -r, prints a
public key, and with -p and -c, changes a private key file; with -F, -H and -R, searches and changes known_hosts: all as ssh-keygen does.
Defaults are in parentheses.

  -t TYPE             key type, also as ssh-ed25519, ssh-rsa or ecdsa-sha2-nistp384
  -b BITS             key size (3072 for rsa); 256, 384 or 521 for ecdsa (256)
  -f FILE             file to write (~/.ssh/id_TYPE); with -l, -e, -i, -y, -p, -c and -r, key file; with -F, -H and -R, known_hosts file
                      (~/.ssh/known_hosts)
  -N PASSPHRASE       passphrase to encrypt the key with, '' for none (asked for at the terminal)
  -P PASSPHRASE       passphrase of the key file (asked for at the terminal, or by the program of SSH_ASKPASS as ssh-keygen does)
  -C COMMENT          comment of the key (user@host); with -c, the new one (asked for at the terminal)
  -m FORMAT           format of the private key: RFC4716 (OpenSSH's own), PKCS8, PEM, or PPK for PuTTY; with -p, PPK stays PPK (RFC4716). With -e
                      and -i, format of the public key (RFC4716).
  -a ROUNDS           rounds of bcrypt, 1 to 1024, for a passphrase in OpenSSH's format: more of them make guesses slower (24)
  -Z CIPHER           cipher that encrypts a key in OpenSSH's format: AES or chacha20-poly1305@openssh.com (aes256-ctr)
  -e                  print the public key of a file for other programs
  -i                  print the public key of another program as a line
  -y                  print the public key of a private key as a line
  -p                  change the passphrase or format of a private key
  -c                  change the comment of a private key and of FILE.pub
  -r NAME             print SSHFP records of a key for the host NAME (of the host keys in /etc/ssh); -O hashalg=sha1|sha256 for one hash (both)
  -g                  with -r: in the generic form, for name servers that do not know SSHFP
  -l                  show the fingerprints in a private key, public key, authorized_keys or known_hosts file; -f - reads standard input
  -F HOST             show the lines of a host, named as in the file: example.org, [example.org]:2222; with -l their fingerprints
  -H                  replace the names in known_hosts by hashes, and keep the old file as KNOWN_HOSTS.old; with -F, in the lines shown
  -R HOST             remove the lines of a host, and keep the old file as KNOWN_HOSTS.old
  -q                  print nothing about a new key; with -F and -R, not which lines were found
  -v                  with -l: also show each key's randomart picture
  -E sha256|md5       with -l: fingerprint hash (sha256)
  -s AUTHORITY        sign certificates of public keys with this key, in FILE-cert.pub, as ssh-keygen does; for -Y and -k see there
  -h                  with -s: certificates of hosts (of users)
  -U                  with -s and -Y sign: the key is in the agent
  -I ID               with -s: name of the certificate, for logs and revocation lists
  -n NAMES            with -s: users who may log in with it, or hosts that it is good for, separated by commas (none: Nacre and OpenSSH 10.3
                      refuse the certificate)
  -V VALIDITY         with -s: +52w, or FROM:TO with always, forever, YYYYMMDD[HHMM[SS]][Z], 0x… seconds, +1d or -1d (always:forever)
  -z SERIAL           with -s: number of the certificate; +SERIAL counts up (0: none); with -k, version of the list
  -O OPTION           with -s: clear, [no-]permission such as no-pty, force-command=…, source-address=…, verify-required, no-touch-required,
                      critical:NAME[=VALUE] or extension:NAME[=VALUE] (all permissions for users, none for hosts)
  -L                  show the certificates in a file; - is the input
  -Y OPERATION        sign files (FILE.sig; without FILE from input to output), or verify the signature of the input, as ssh-keygen does. The
                      key may be in the agent, and have a certificate (-f KEY-cert.pub)
  -k                  write a list of revoked keys; -u adds to it. Each line of a FILE is a public key, or has serial:, id:, key:, sha1:,
                      sha256: or hash: in front (ssh-keygen(1)). A certificate is revoked by its serial number, or by its id if it has none
  -Q                  show which keys a list revokes; with -l also what is in it
`;

/** `nacre serve --help`. */
export const SERVE_HELP: string = `usage: nacre serve [option…]

Runs an SSH server for the account that starts it. After the first SIGINT (Ctrl-C) or SIGTERM, sessions have 30 seconds to finish;
a second one kills them. SIGHUP hangs them up immediately. Defaults are in parentheses.

${SERVE_OPTIONS}`;

/** `nacre sftp-server --help`. */
export const SFTP_SERVER_HELP: string = `usage: nacre sftp-server [-eR] [-d DIR] [-f FACILITY] [-l LEVEL] [-P REQUESTS] [-p REQUESTS] [-u UMASK] [--root DIR]

Speaks SFTP on standard input and output, for sshd_config: Subsystem sftp /usr/bin/nacre sftp-server. The options are those of
sftp-server(8), and those of internal-sftp as a forced command of nacre serve. Defaults are in parentheses.

  -d DIR              directory to start in; %d is the home directory, %u the user name (the working directory; / with --root)
  -e                  log to standard error (no log)
  -f FACILITY         log facility, such as AUTH; it has no effect, because there is no syslog
  -l LEVEL            what to log: QUIET, ERROR refused requests and faults, INFO changes too, DEBUG every request (ERROR)
  -P REQUESTS         requests to deny, separated by commas
  -p REQUESTS         the only requests to allow, separated by commas
  -R                  refuse everything that changes something
  -u UMASK            permission bits that new files do not get, in octal (the account's umask)
  --root DIR          serve this directory only, as "/"; links are resolved inside it (the whole system)
`;

/** `nacre gateway --help`. */
export const GATEWAY_HELP: string = `usage: nacre gateway --origin ORIGIN --allow HOST:PORT [option…]

Lets pages reach SSH servers: from WebSocket to TCP. It forwards ciphertext and knows no users: SSH decides who logs in. After the
first SIGINT (Ctrl-C) or SIGTERM, connections have 30 seconds to end; a second one, or SIGHUP, ends them immediately. Defaults are in
parentheses.

${GATEWAY_OPTIONS}`;
