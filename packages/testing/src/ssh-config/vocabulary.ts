// Words of which the generated configurations are made.

export const HOSTS =
  "a b web-01 web-2 x.web db.example.org DB.Example.org a.b.c 10.0.0.1 127.1 ::1 fe80::1 h_1 bast".split(" ");
export const PATTERNS = "* a b web-* web-?? *.web *.example.org !a !*.web db.* DB.* 10.* ? h_* *,a a,b".split(" ");
export const CIPHERS =
  "aes128-ctr aes256-ctr aes128-gcm@openssh.com aes256-gcm@openssh.com chacha20-poly1305@openssh.com".split(" ");
export const MACS = "hmac-sha2-256 hmac-sha2-512 hmac-sha2-256-etm@openssh.com hmac-sha1".split(" ");
export const KEX = "curve25519-sha256 ecdh-sha2-nistp256 diffie-hellman-group14-sha256 mlkem768x25519-sha256".split(
  " ",
);
export const KEYS = "ssh-ed25519 rsa-sha2-512 rsa-sha2-256 ecdsa-sha2-nistp256 ssh-ed25519-cert-v01@openssh.com".split(
  " ",
);
export const TOKENS = "%% %C %d %h %i %j %k %L %l %n %p %r %u".split(" ");

export const FLAGS = (
  "BatchMode CheckHostIP ClearAllForwardings EnableEscapeCommandline EnableSSHKeysign ExitOnForwardFailure ForwardX11 ForwardX11Trusted " +
  "GatewayPorts HashKnownHosts HostbasedAuthentication IdentitiesOnly KbdInteractiveAuthentication ChallengeResponseAuthentication " +
  "NoHostAuthenticationForLocalhost PasswordAuthentication PermitLocalCommand StdinNull StreamLocalBindUnlink TCPKeepAlive KeepAlive " +
  "VisualHostKey"
).split(" ");

export const CHOICES: Readonly<Record<string, string>> = {
  AddressFamily: "any inet inet6 ANY",
  Compression: "yes no",
  ControlMaster: "yes no ask auto autoask",
  FingerprintHash: "sha256 md5 SHA256",
  LogLevel: "QUIET FATAL ERROR INFO VERBOSE debug DEBUG2 debug3",
  PubkeyAuthentication: "yes no unbound host-bound",
  RequestTTY: "yes no force auto",
  SessionType: "none default",
  StrictHostKeyChecking: "yes no ask off accept-new",
  Tunnel: "yes no point-to-point ethernet",
  UpdateHostKeys: "yes no ask",
  VerifyHostKeyDNS: "yes no ask",
  SyslogFacility: "USER AUTH local3",
  CanonicalizeHostname: "no no no yes",
  CanonicalizeFallbackLocal: "yes",
  BindAddress: "127.0.0.1",
  BindInterface: "lo",
  HostKeyAlias: "alias Alias.Example.org",
  KbdInteractiveDevices: "pam bsdauth,pam",
  PreferredAuthentications: "publickey publickey,password",
  XAuthLocation: "/usr/lib/xauth",
  SecurityKeyProvider: "none /lib/sk.so internal",
  PKCS11Provider: "none /lib/p11.so",
  // Keywords of one word with forms of their own.
  HostName: "%h.example.org real.example.org REAL.example.org 10.1.2.3 %h 127.1",
  User: "u root u-%n u_%u ${GC_VAR} %h",
  Port: "1 22 2201 2222 65535 ssh",
  IdentityAgent: "none SSH_AUTH_SOCK $GC_VAR ~/.agent /run/%u/a ${GC_VAR}/a",
  ControlPath: "none ~/.ssh/%C /tmp/%r@%h:%p /tmp/${GC_VAR}-%L-%l-%i-%k",
  ControlPersist: "yes no true 60s 4h 0",
  RevokedHostKeys: "none /etc/rk ~/rk /k/%h",
  EscapeChar: "~ none ^] ^A % q",
  StreamLocalBindMask: "0177 077 0 0117",
  TunnelDevice: "any 0 any:any 1:2 3:any",
  ForwardAgent: "yes no $GC_VAR /etc/passwd",
  ChannelTimeout: "none session=5m global=1h direct-tcpip=30s",
  ObscureKeystrokeTiming: "yes no interval:80",
  CanonicalizePermittedCNAMEs: "none *.a:*.b *.A,*.c:*.d *",
  ForkAfterAuthentication: "no",
  Tag: "t1 t2",
  IgnoreUnknown: "UseKeychain Use*,Foo *",
  ProxyUseFdpass: "no",
  Protocol: "2",
  Cipher: "2",
  UseRoaming: "2",
  RhostsRSAAuthentication: "2",
  CompressionLevel: "2",
};

export const NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  ConnectionAttempts: [1, 9],
  NumberOfPasswordPrompts: [1, 9],
  ServerAliveCountMax: [1, 9],
  RequiredRSASize: [1024, 4096],
  CanonicalizeMaxDots: [0, 4],
};

/** Keywords that take the rest of the line. */
export const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  ProxyCommand: [
    "nc %h %p",
    "sh -c 'exec nc %h %p' # not a comment",
    "none",
    "ssh -W '[%h]:%p' bast",
    'aws --p "portNumber=%p" %n',
  ],
  LocalCommand: ["echo %h # kept", "none", "rsync -e ssh %p %d"],
  KnownHostsCommand: ["/usr/bin/kh %H %t", "none", '/usr/bin/kh "a b" %I'],
  RemoteCommand: ["none", "none", "echo %n %h", "tmux new -A -s 'x y'"],
  VersionAddendum: ["none", "v1", "site %h", "two words # comment"],
};

export const ERRORS = [
  "Prot 22",
  "Port",
  "Port 22 23",
  'User "abc',
  "Port 70000",
  "ForwardX11 maybe",
  "ServerAliveInterval 5x",
  "Match hst a",
  "Ciphers nosuch",
  "LocalForward 1:2:3:4 x",
  "Match localnetwork !10.0.0.0/8",
  "IdentityAgent %q",
  "ControlPath ${GC_NONE}/x",
  'Host ""',
];
