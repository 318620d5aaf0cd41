const KEYGEN_USAGE = `nacre keygen -t ed25519|rsa|ecdsa [-b BITS] [-f FILE] [-N PASSPHRASE] [-C COMMENT]
       nacre keygen -l [-v] [-E sha256|md5] -f FILE
`;

const SERVE_OPTIONS = `  --listen ADDRESS    address to listen at (127.0.0.1: this machine alone); :: is every address
  -p, --port PORT     port to listen at (2222); 0 for a free one
  --host-key FILE     host key; may be given several times (~/.config/nacre/ssh_host_ed25519_key, made when it is not there)
  --authorized-keys FILE  keys that may log in, with their options (~/.ssh/authorized_keys)
  --user NAME         who may log in; may be given several times (the account that runs the server; all commands run as it)
  -c CIPHERS          ciphers to offer, preferred first, separated by commas
  -m MACS             MACs to offer, likewise
  --kex METHODS       key exchange methods to offer, likewise
  --subsystem NAME=COMMAND  what a subsystem runs; nothing: there is none (sftp: OpenSSH's sftp-server, where there is one)
  --no-exec           no commands and no shells: subsystems only
  --permit-user-environment  let environment= of authorized_keys add any variable
  --allow-forwarding  let clients forward connections, as far as their keys allow: to every host but this machine, and from loopback
  --permit-open PLACE where connections may go: host:port, host:*, *:port, or a Unix socket's path; may be given several times
                      (*:*, which does not mean this machine: name localhost:5432, 127.0.0.1:*)
  --permit-listen PLACE  where clients may have this machine listen: port, host:port, or a Unix socket's path, with * for any; may be
                      given several times (*:* without sockets)
  --gateway-ports no|yes|clientspecified  bind loopback alone, every address, or what the client asks for (no)
  --exempt NETWORK    address or network (192.0.2.0/24) without the bounds for each source before login; may be given several times
  --no-per-source     no such bounds at all: behind a proxy every client has its address
  --banner TEXT       shown before login
  --log text|json     how to write what happens to standard error (text)
`;

const GATEWAY_OPTIONS = `  --origin ORIGIN     pages that may connect, as https://app.example.org; may be given several times
  --allow PLACE       where connections may go: host:port, [address]:port, *:port for every public host; may be given several times.
                      A name may lead to private addresses only with their networks: host:22=10.0.0.0/8
  --listen ADDRESS    address to listen at (127.0.0.1: this machine alone); :: is every address
  -p, --port PORT     port to listen at (8022); 0 for a free one
  --host HOST         Host header at which it is reached; may be given several times (those of the origins; on loopback also its own)
  --cert FILE, --key FILE  certificate and private key in PEM: TLS by itself
  --trusted-proxy NETWORK  address or network whose X-Forwarded-For and X-Forwarded-Proto are believed; may be given several times
  --allow-insecure    accept connections without TLS from other machines
  --allow-missing-origin  accept programs, which send no Origin
  --issue-token FILE  tickets only for servers with the token in FILE, at PATH/issue (else: pages of the gateway's own origin ask)
  --tickets URL       keep tickets in Valkey or Redis, for several gateways behind a balancer
  --address URL       where clients resume connections of this gateway, behind a balancer
  --plain PLACE       also carry WebSockets without tickets to this one place
  --path PATH         path of the WebSocket (/ssh)
  --metrics           Prometheus metrics at /metrics, for anyone who can reach it
  --limit NAME=NUMBER a bound other than its default, as maxConnections=100; may be given several times
  --log text|json     how to write what happens to standard error (text)
`;

/** `nacre --help`. */
export const HELP: string = `usage: nacre [option…] [user@]host [command…]
       ${KEYGEN_USAGE}       nacre serve [option…]
       nacre gateway --origin ORIGIN --allow HOST:PORT [option…]
       nacre --help | --version

Runs the command on the host, or a shell there, with the standard streams of this one. Exits with the command's status; with
255 and one line on standard error when the connection fails, or the command is ended by a signal; with 141 when its output
is no longer read. The host may also be ssh://[user@]host[:port].

  -i FILE             private key to log in with; may be given several times (else: ssh-agent, ~/.ssh/id_*)
  -p PORT             port of the server (22)
  -l USER             who to log in as (else: the user before the @, or who runs this)
  -t                  ask for a terminal for a command too; -tt even if standard input is no terminal
  -J HOP[,HOP…]       connect through jump hosts, [user@]host[:port] each, in order from here outward
  -L [BIND:]PORT:HOST:HOSTPORT  listen here, and connect from the server to HOST:HOSTPORT; /SOCKET stands for either half
  -R [BIND:]PORT:HOST:HOSTPORT  listen at the server (0 for a free port), and connect from here; without HOST it is a SOCKS proxy
  -D [BIND:]PORT      listen here as a SOCKS proxy, which connects from the server
  -W HOST:PORT        connect standard input and output to HOST:PORT from the server
  -N                  run no command and no shell
  -f                  go to the background after login, when forwards stand
  -o ExitOnForwardFailure=yes|no  end when a forward cannot be set up (no; with -W yes)
  --known-hosts FILE  keys of known hosts (~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts)
  --accept-new        accept a host that is not known, and remember it
  --host-key SHA256:… accept this host key only; may be given several times
  -c CIPHERS          ciphers to offer, preferred first, separated by commas
  -m MACS             MACs to offer, likewise
  --kex METHODS       key exchange methods to offer, likewise
  --trace             print each packet to standard error, without secrets
  --keylog FILE       append secrets to FILE, a regular file, for Wireshark; with them the session can be read

serve runs an SSH server for the account that starts it, until SIGINT (Ctrl-C), SIGTERM or SIGHUP. Its options:

${SERVE_OPTIONS}
gateway lets pages reach SSH servers: from WebSocket to TCP. nacre gateway --help lists its options.

In a remote terminal, ~. at the beginning of a line closes the connection, and ~~ is one ~.
`;

/** `nacre keygen --help`. */
export const KEYGEN_HELP: string = `usage: ${KEYGEN_USAGE}
Makes a private key, and its public half beside it (FILE.pub); or, with -l, shows the fingerprint of each key in a file.

  -t TYPE             what to make
  -b BITS             its size: 3072 for rsa unless said otherwise, 256, 384 or 521 for ecdsa (256)
  -f FILE             where to (~/.ssh/id_TYPE); with -l: of which file
  -N PASSPHRASE       what to encrypt it with, '' for nothing (else: asked for at the terminal)
  -C COMMENT          what stands behind the public key (user@host)
  -l                  show fingerprints, of private and public keys, authorized_keys and known_hosts
  -v                  with -l: and the picture of each
  -E sha256|md5       with -l: which fingerprint (sha256)
`;

/** `nacre serve --help`. */
export const SERVE_HELP: string = `usage: nacre serve [option…]

Runs an SSH server for the account that starts it. After the first SIGINT (Ctrl-C) or SIGTERM, sessions have half a minute; a second one
kills them. SIGHUP hangs them up at once.

${SERVE_OPTIONS}`;

/** `nacre gateway --help`. */
export const GATEWAY_HELP: string = `usage: nacre gateway --origin ORIGIN --allow HOST:PORT [option…]

Lets pages reach SSH servers: from WebSocket to TCP. It moves ciphertext, and knows no users: SSH decides who logs in. After the first SIGINT
(Ctrl-C) or SIGTERM, connections have half a minute; a second one, or SIGHUP, ends them at once.

${GATEWAY_OPTIONS}`;
