import type { HostKeyVerifier, ConnectOptions as StreamConnectOptions } from "nacre/internal";
import type { Client } from "./client.ts";
import type { CryptoChoice } from "./crypto/private-key.ts";
import type { IdentitySource, PassphraseSource } from "./identities.ts";

/** What `connect` needs to know: a host, and what differs from OpenSSH's habits. */
export interface ConnectOptions extends Omit<StreamConnectOptions, "user" | "hostKey" | "identities"> {
  /** Name or address. */
  readonly host: string;
  /** 22 by default. */
  readonly port?: number | undefined;
  /**
   * The jump host to connect through, or several in order from here outward (ssh(1), ProxyJump). Each is verified and logged in by itself, and
   * closed with this connection. See `Hop`.
   */
  readonly via?: Via | undefined;
  /** Who to log in as; who runs this program, by default. */
  readonly user?: string | undefined;
  /**
   * Keys to log in with, in the order in which to try them. When none are named, those of the agent are tried, and then
   * `~/.ssh/id_ed25519`, `id_ecdsa` and `id_rsa`, as far as they exist. A file's key that the agent holds too is the agent's
   * to use, so that no passphrase is asked for. A file may also be the public half of such a key.
   */
  readonly identities?: readonly IdentitySource[] | undefined;
  /**
   * The SSH agent: the path of its socket, or true for the one at SSH_AUTH_SOCK. All its keys are then tried, first, and it
   * must be there. False leaves it alone. By default the one at SSH_AUTH_SOCK is used if it answers.
   */
  readonly agent?: boolean | string | undefined;
  /**
   * The passphrase of encrypted key files, or a function that is called with the file's path, and an attempt that counts from
   * 1, when a key is needed, and at most three times for each. `undefined` gives the key up.
   */
  readonly passphrase?: PassphraseSource | undefined;
  /**
   * The host-key decision. By default known_hosts has it, and a host that is not there is refused (`host-key-unknown`).
   * `"accept-new"` adds such a host. A fingerprint, or several, as `ssh-keygen -l` prints them (`"SHA256:…"`) pin its key, and known_hosts
   * is not read. A function decides on its own.
   */
  readonly hostKey?: HostKeyVerifier | string | readonly string[] | undefined;
  /** With known_hosts: asked about the key of a host that is not there, which true adds. */
  readonly unknownHost?: HostKeyVerifier | undefined;
  /**
   * The known_hosts file or files; by default `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`. Those that do not exist count as
   * empty. New hosts are added to the first.
   */
  readonly knownHosts?: string | readonly string[] | undefined;
  /**
   * What does the cryptography: `"node"`, node:crypto, by default; `"noble"` is the portable code that browsers run, several times
   * slower. `algorithms`, where given, are used as they are.
   */
  readonly crypto?: CryptoChoice | undefined;
  /**
   * Milliseconds until the TCP connection must stand, counted from the login at the jump host if there is one; 15,000 by default. What
   * follows has bounds of its own: `limits`.
   */
  readonly connectTimeout?: number | undefined;
  /** Called with what was skipped: a malformed line of known_hosts, a default key file that cannot be used. One line, safe to show. */
  readonly warn?: ((text: string) => void) | undefined;
}

/**
 * Options of a jump host: those of `connect`. It opens no session. Where it does not name `agent`, `passphrase`, `knownHosts`, `crypto`,
 * `algorithms`, `wasm`, `requireStrictKex`, `limits`, `connectTimeout`, `warn` or `random`, those of the destination count: they are about this
 * machine. What is about one host or one login is never passed on, as by `ssh -J`: `port`, `user`, `identities`, `password`, `prompts`,
 * `hostKey`, `unknownHost`, …
 */
export type HopOptions = Omit<ConnectOptions, "via" | "earlyChannel">;

/**
 * A jump host: `"alice@bastion:2222"`, where user and port may be left out and an IPv6 address has brackets; its options, which say more than
 * such a text can; or, as the first, a client that is connected, which stays open.
 */
export type Hop = string | HopOptions | Pick<Client, "dialChannel">;

/** The way to a destination: one jump host, or several in order from here outward. */
export type Via = Hop | readonly Hop[];
