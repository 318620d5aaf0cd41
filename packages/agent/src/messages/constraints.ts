import { Reader, SshError, Writer } from "@nacre/wire";
import { MAX_DESTINATIONS } from "../constants.ts";

/** Constraints on the use of a key (RFC 9987 §3.2.7, OpenSSH PROTOCOL.agent). Missing ones do not apply. */
export interface KeyConstraints {
  /** Seconds after which the agent forgets the key. */
  readonly lifetime?: number | undefined;
  /** Whether the agent's user must confirm each signature. */
  readonly confirm?: boolean | undefined;
  /** Hosts that the key may log in to, and from where. At least one. */
  readonly destinations?: readonly Destination[] | undefined;
  /** Path of the library that reaches the token of a security key. */
  readonly provider?: string | undefined;
  /** Certificates for the keys of a smart card. */
  readonly associatedCertificates?: AssociatedCertificates | undefined;
}

/** One permitted hop of a key: from a host to a host (OpenSSH PROTOCOL.agent §2). */
export interface Destination {
  /** `undefined`: the machine of the agent. */
  readonly from: DestinationHost | undefined;
  readonly to: DestinationHost & {
    /** User name, as one pattern with `*` and `?`; `undefined` for any. As in OpenSSH's agent, `,` and `!` stand for themselves. */
    readonly user: string | undefined;
  };
}

/** A host of a destination, with the keys by which it is known. */
export interface DestinationHost {
  /** Name of the host. Informs people, and must match the principals of a host certificate. */
  readonly host: string;
  /** Host keys, at least one. */
  readonly keys: readonly DestinationKey[];
}

/** A host key, or the key of an authority that certifies host keys. */
export interface DestinationKey {
  /** Public key blob. */
  readonly publicKey: Uint8Array;
  /** Whether the key certifies host keys, instead of being one. */
  readonly isCertificateAuthority: boolean;
}

/** Certificates that come with a key of a smart card (`associated-certs-v00@openssh.com`). */
export interface AssociatedCertificates {
  /** Whether to add the certificates only, without their plain keys. */
  readonly certificatesOnly: boolean;
  /** Certificate blobs. */
  readonly certificates: readonly Uint8Array[];
}

const LIFETIME = 1;
const CONFIRM = 2;
const EXTENSION = 255;
const RESTRICT_DESTINATION = "restrict-destination-v00@openssh.com";
const SK_PROVIDER = "sk-provider@openssh.com";
const ASSOCIATED_CERTS = "associated-certs-v00@openssh.com";

/** Maximum length of the pattern of a user name, in characters. */
const MAX_USER_LENGTH = 256;

/**
 * Encodes constraints, in the order of their fields; none as no bytes. Throws `usage` for an empty list of destinations, or a value that
 * no agent accepts.
 */
export function encodeConstraints(constraints: KeyConstraints): Uint8Array {
  const { lifetime, confirm, destinations, provider, associatedCertificates } = constraints;
  const writer = new Writer();
  if (lifetime !== undefined) {
    if (!(Number.isInteger(lifetime) && lifetime >= 0 && lifetime <= 0xffff_ffff))
      throw new SshError(
        "usage",
        `the lifetime of a key must be an integer from 0 to 4294967295 seconds, got ${lifetime}`,
      );
    writer.byte(LIFETIME).uint32(lifetime);
  }
  if (confirm === true) writer.byte(CONFIRM);
  if (destinations !== undefined) {
    if (destinations.length === 0 || destinations.length > MAX_DESTINATIONS)
      throw new SshError(
        "usage",
        `a restricted key needs 1 to ${MAX_DESTINATIONS} destinations, got ${destinations.length}`,
      );
    const list = new Writer();
    for (const destination of destinations) list.string(encodeDestination(destination));
    writer.byte(EXTENSION).string(RESTRICT_DESTINATION).string(list.finish());
  }
  if (provider !== undefined) writer.byte(EXTENSION).string(SK_PROVIDER).string(provider);
  if (associatedCertificates !== undefined) {
    const list = new Writer();
    for (const certificate of associatedCertificates.certificates) list.string(certificate);
    writer.byte(EXTENSION).string(ASSOCIATED_CERTS);
    writer.boolean(associatedCertificates.certificatesOnly).string(list.finish());
  }
  return writer.finish();
}

/**
 * Reads the constraints at the end of a request. Throws like `reader` for a repeated one, for an unknown one, since the agent could not
 * apply it, and for destinations that OpenSSH's agent refuses.
 */
export function readConstraints(reader: Reader): KeyConstraints {
  const constraints: { -readonly [Name in keyof KeyConstraints]: KeyConstraints[Name] } = {};
  const set = <Name extends keyof KeyConstraints>(name: Name, value: KeyConstraints[Name]): void => {
    // rule: agent-repeated-constraint
    if (constraints[name] !== undefined) reader.fail(name, "is repeated");
    constraints[name] = value;
  };
  while (reader.remaining > 0) {
    const type = reader.byte("constraint");
    // rule: agent-unknown-constraint
    if (type !== LIFETIME && type !== CONFIRM && type !== EXTENSION) reader.fail("constraint", `is of type ${type}`);
    if (type === LIFETIME) set("lifetime", reader.uint32("lifetime"));
    if (type === CONFIRM) set("confirm", true);
    if (type === EXTENSION) readExtension(reader, set);
  }
  return constraints;
}

function readExtension(
  reader: Reader,
  set: <Name extends keyof KeyConstraints>(name: Name, value: KeyConstraints[Name]) => void,
): void {
  const name = reader.name("constraint name");
  if (name === RESTRICT_DESTINATION) return set("destinations", readDestinations(reader.string("destinations")));
  if (name === SK_PROVIDER) return set("provider", reader.utf8("provider"));
  // rule: agent-unknown-extension
  if (name !== ASSOCIATED_CERTS) reader.fail("constraint name", "is unknown");
  const certificatesOnly = reader.boolean("certificates only");
  const list = new Reader(reader.string("certificates"), "certificates of a smart card");
  const certificates: Uint8Array[] = [];
  while (list.remaining > 0) certificates.push(list.string("certificate"));
  set("associatedCertificates", { certificatesOnly, certificates });
}

function readDestinations(bytes: Uint8Array): Destination[] {
  const reader = new Reader(bytes, "destination constraints");
  const destinations: Destination[] = [];
  while (reader.remaining > 0) {
    // rule: agent-destination-count
    if (destinations.length >= MAX_DESTINATIONS) reader.fail("list", `has more than ${MAX_DESTINATIONS} constraints`);
    destinations.push(decodeDestination(reader.string("constraint")));
  }
  // OpenSSH's agent takes a key with an empty list for one without restrictions.
  // rule: agent-no-destinations
  if (destinations.length === 0) reader.fail("list", "is empty");
  return destinations;
}

function encodeDestination({ from, to }: Destination): Uint8Array {
  const fromHop = from === undefined ? encodeHop("", "", []) : encodeHop("", from.host, from.keys);
  return new Writer()
    .string(fromHop)
    .string(encodeHop(to.user ?? "", to.host, to.keys))
    .string("")
    .finish();
}

function encodeHop(user: string, host: string, keys: readonly DestinationKey[]): Uint8Array {
  const writer = new Writer().string(user).string(host).string("");
  for (const { publicKey, isCertificateAuthority } of keys) writer.string(publicKey).boolean(isCertificateAuthority);
  return writer.finish();
}

function decodeDestination(bytes: Uint8Array): Destination {
  const reader = new Reader(bytes, "destination constraint");
  const from = decodeHop(reader.string("from"));
  const to = decodeHop(reader.string("to"));
  // rule: agent-destination-reserved
  if (reader.string("reserved").length > 0) reader.fail("reserved", "is not empty");
  // rule: agent-destination-end
  reader.end();
  // rule: agent-destination-from
  if (from.user !== undefined || (from.host === "") !== (from.keys.length === 0))
    reader.fail("from", "has a user, or only one of host name and keys");
  // rule: agent-destination-to
  if (to.host === "" || to.keys.length === 0) reader.fail("to", "lacks the host name or the keys");
  return { from: from.host === "" ? undefined : { host: from.host, keys: from.keys }, to };
}

function decodeHop(bytes: Uint8Array): Destination["to"] {
  const reader = new Reader(bytes, "hop of a destination constraint");
  const user = reader.utf8("user");
  // rule: agent-destination-user
  if (user.length > MAX_USER_LENGTH) reader.fail("user", `has more than ${MAX_USER_LENGTH} characters`);
  const host = reader.utf8("host name");
  // rule: agent-hop-reserved
  if (reader.string("reserved").length > 0) reader.fail("reserved", "is not empty");
  const keys: DestinationKey[] = [];
  while (reader.remaining > 0)
    keys.push({ publicKey: reader.string("key"), isCertificateAuthority: reader.boolean("is CA") });
  return { user: user === "" ? undefined : user, host, keys };
}
