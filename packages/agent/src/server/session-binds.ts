import { type Certificate, hostCertificateProblem, type SignatureFacts } from "@nacre/keys/internal";
import { equalBytes, matchPattern } from "@nacre/wire";
import { MAX_BINDS, MAX_SESSION_ID_LENGTH } from "../constants.ts";
import type { Destination, DestinationHost } from "../messages/constraints.ts";
import type { SessionBind } from "../messages/extensions.ts";
import { readLoginRequest } from "./login-request.ts";

/** The SSH connections that an agent connection is tied to. Only the last one may be for a login. */
export type SessionBinds =
  /** A local program, or one that knows nothing of binds. */
  | { readonly kind: "unbound" }
  /** The path of SSH connections to the user of the agent, from the agent's machine on. At least one. */
  | { readonly kind: "bound"; readonly hops: readonly Hop[] }
  /** A bind failed. Restricted keys are not available. */
  | { readonly kind: "failed" };

/** A verified bind. */
export interface Hop extends SessionBind {
  /** The host's certificate, if the host key is in one. Its authority's signature is verified, and nothing else. */
  readonly certificate?: Certificate | undefined;
}

/** Returns the time in milliseconds since 1970. If missing, no certificate is valid. */
export type Time = (() => number) | undefined;

const FAILED: SessionBinds = { kind: "failed" };

/** Returns the binds after another one. Keeps the byte strings of `bind`. `verify` returns the facts of its signature if that is valid. */
export function withBind(
  binds: SessionBinds,
  bind: SessionBind,
  verify: (bind: SessionBind) => SignatureFacts | undefined,
): SessionBinds {
  // rule: agent-failed-bind
  if (binds.kind === "failed") return FAILED;
  const hops = binds.kind === "bound" ? binds.hops : [];
  // rule: agent-session-id-length
  if (bind.sessionId.length > MAX_SESSION_ID_LENGTH) return FAILED;
  const facts = verify(bind);
  // rule: agent-bind-signature
  if (facts === undefined) return FAILED;
  // rule: agent-bind-after-login
  if (hops.at(-1)?.isForwarding === false) return FAILED;
  const known = hops.find(({ sessionId }) => equalBytes(sessionId, bind.sessionId));
  // rule: agent-bind-other-key
  if (known !== undefined && !equalBytes(known.hostKey, bind.hostKey)) return FAILED;
  if (known !== undefined) return binds;
  // rule: agent-bind-count
  if (hops.length >= MAX_BINDS) return FAILED;
  return { kind: "bound", hops: [...hops, { ...bind, certificate: facts.certificate }] };
}

/** Returns whether a connection sees a key: it may list, replace and remove it. `undefined` destinations permit everything. */
export function isVisible(destinations: readonly Destination[] | undefined, binds: SessionBinds, time: Time): boolean {
  if (destinations === undefined || binds.kind === "unbound") return true;
  // rule: agent-hidden-after-failure
  if (binds.kind === "failed") return false;
  const { hops } = binds;
  // rule: agent-hidden-path
  if (!isPath(destinations, hops, undefined, time)) return false;
  const last = hops.at(-1)!;
  // A key that may log in to the last host, but not leave it, is of no use there.
  // rule: agent-hidden-end
  if (last.isForwarding && !destinations.some(({ from }) => from !== undefined && isHost(from, last, time)))
    return false;
  return true;
}

/** Returns whether a connection may sign `data` with a key. */
export function maySign(
  destinations: readonly Destination[] | undefined,
  publicKey: Uint8Array,
  data: Uint8Array,
  binds: SessionBinds,
  time: Time,
): boolean {
  if (destinations === undefined) return true;
  // rule: agent-unbound
  if (binds.kind !== "bound") return false;
  const { hops } = binds;
  const last = hops.at(-1)!;
  const login = readLoginRequest(data);
  return (
    login !== undefined &&
    /* rule: agent-login-key */ equalBytes(login.publicKey, publicKey) &&
    /* rule: agent-login-session */ equalBytes(login.sessionId, last.sessionId) &&
    /* rule: agent-login-forwarding */ !last.isForwarding &&
    /* rule: agent-host-bound */ (hops.length === 1 || login.hostKey !== undefined) &&
    /* rule: agent-login-host */ (login.hostKey === undefined || equalBytes(login.hostKey, last.hostKey)) &&
    /* rule: agent-path */ isPath(destinations, hops, login.userName, time)
  );
}

/** Returns whether each hop is permitted in turn. `user` is the one who logs in at the end, if there is a login. */
function isPath(
  destinations: readonly Destination[],
  hops: readonly Hop[],
  user: string | undefined,
  time: Time,
): boolean {
  return hops.every((hop, i) => {
    const from = hops[i - 1];
    const userHere = i === hops.length - 1 ? user : undefined;
    return destinations.some(
      (one) =>
        /* rule: agent-path-from */ (from === undefined
          ? one.from === undefined
          : one.from !== undefined && isHost(one.from, from, time)) &&
        /* rule: agent-path-to */ isHost(one.to, hop, time) &&
        /* rule: agent-path-user */ (userHere === undefined || matchPattern(userHere, one.to.user ?? "*")),
    );
  });
}

/** Returns whether a hop leads to a host: by one of its plain keys, or by a certificate of one of its authorities that is good for it. */
function isHost({ host, keys }: DestinationHost, { hostKey, certificate }: Hop, time: Time): boolean {
  if (certificate === undefined)
    return keys.some(
      ({ publicKey, isCertificateAuthority }) =>
        /* rule: agent-ca-key */ !isCertificateAuthority && equalBytes(publicKey, hostKey),
    );
  const isTrusted = keys.some(
    ({ publicKey, isCertificateAuthority }) =>
      /* rule: agent-plain-authority */ isCertificateAuthority && equalBytes(publicKey, certificate.authority.blob),
  );
  if (!isTrusted || time === undefined) return false;
  const now = BigInt(Math.floor(time() / 1000));
  // rule: agent-host-certificate
  return hostCertificateProblem(certificate, { host, now }) === undefined;
}
