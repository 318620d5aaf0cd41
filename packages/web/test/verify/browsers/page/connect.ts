import { type Client, type ConnectOptions, connect, type UnknownHostKey } from "@nacre/web";
import { keyStore, passkeyIdentity } from "@nacre/web/keys";
import { privateKey } from "nacre";

/** A login at an SSH server, as JSON. */
export interface Login {
  readonly host: string;
  readonly port: number;
  /** Accepted fingerprints of the host key. Without them, the known hosts in IndexedDB decide. */
  readonly hostKey?: readonly string[];
  /** Whether to accept an unknown host key; default false. */
  readonly acceptUnknown?: boolean;
  readonly password?: string;
  /** Text of a private key file. */
  readonly keyFile?: string;
  /** Name of a key in `keyStore()`. */
  readonly storedKey?: string;
  /** Whether to log in with the passkey in `localStorage`; default false. */
  readonly passkey?: boolean;
  readonly limits?: ConnectOptions["limits"];
}

/** Observations during a connection. */
export interface Observed {
  /** Unknown host keys that the page was asked about, without their blobs. */
  readonly asked: Omit<UnknownHostKey, "blob">[];
  /** Changes of the WebSocket, in order. */
  readonly changes: ("lost" | "restored")[];
  /** Number of completed key exchanges. */
  exchanges: number;
}

/** Key of the passkey in `localStorage`. */
export const PASSKEY = "passkey";

/** Connects to an SSH server through the gateway of this page's origin, and logs in as alice. */
export async function logIn(
  login: Login,
  signal?: AbortSignal,
): Promise<{ readonly ssh: Client; readonly observed: Observed }> {
  const { host, port, hostKey, acceptUnknown = false, password, limits } = login;
  const observed: Observed = { asked: [], changes: [], exchanges: 0 };
  const ssh = await connect({
    url: new URL("/ssh", location.href.replace(/^http/, "ws")),
    ticket: await requestTicket(host, port),
    host,
    port,
    user: "alice",
    password,
    identities: await identitiesOf(login),
    hostKey,
    unknownHost: ({ host, port, algorithm, fingerprint, randomart }) => {
      observed.asked.push({ host, port, algorithm, fingerprint, randomart });
      return acceptUnknown;
    },
    limits,
    signal,
    onConnectionChange: ({ type }) => observed.changes.push(type),
    trace: (record) => {
      if (record.type === "packet" && record.direction === "received" && record.message === "SSH_MSG_NEWKEYS")
        observed.exchanges++;
    },
  });
  return { ssh, observed };
}

/** Requests a ticket from the gateway, as a page of its own origin does. */
async function requestTicket(host: string, port: number): Promise<string> {
  const { csrfToken } = (await answerOf(await fetch("/ssh/ticket"))) as { readonly csrfToken: string };
  const response = await fetch("/ssh/ticket", {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrfToken },
    body: JSON.stringify({ host, port }),
  });
  const { ticket } = (await answerOf(response)) as { readonly ticket: string };
  return ticket;
}

async function answerOf(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

async function identitiesOf({ keyFile, storedKey, passkey }: Login): Promise<ConnectOptions["identities"]> {
  if (keyFile !== undefined) return [await privateKey(keyFile)];
  if (storedKey !== undefined) {
    const key = await keyStore().get(storedKey);
    if (key === undefined) throw new Error(`the key store has no key ${storedKey}`);
    return [key];
  }
  return passkey === true ? [passkeyIdentity(JSON.parse(localStorage.getItem(PASSKEY)!))] : [];
}
