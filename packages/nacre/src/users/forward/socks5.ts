import type { Bytes, SshErrorCode } from "@nacre/wire";
import { ipv6Text } from "./ipv6-text.ts";
import { hostName, MORE, type ProtocolStep, type ProxyProtocol, quote, refuse } from "./proxy-protocol.ts";

/** The first byte of each SOCKS 5 message. */
export const SOCKS5_VERSION = 5;

const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHODS = 0xff;
const CONNECT = 1;
/** Types of addresses (RFC 1928 §5). */
export const SOCKS5_ADDRESS_TYPE = { IPV4: 1, DOMAIN_NAME: 3, IPV6: 4 } as const;
/** Reply codes (RFC 1928 §6). */
const REPLY = {
  SUCCEEDED: 0,
  GENERAL_FAILURE: 1,
  NOT_ALLOWED: 2,
  CONNECTION_REFUSED: 5,
  COMMAND_NOT_SUPPORTED: 7,
  ADDRESS_TYPE_NOT_SUPPORTED: 8,
} as const;

/** Reply by error code of `dialChannel`. RFC 4254 §5.1 does not distinguish an unreachable host from a refused connection. */
const REPLY_TO_FAILURE: { readonly [Code in SshErrorCode]?: keyof typeof REPLY } = {
  "forward-denied": "NOT_ALLOWED",
  "forward-unreachable": "CONNECTION_REFUSED",
  "forward-unsupported": "COMMAND_NOT_SUPPORTED",
};

/** SOCKS 5 (RFC 1928): method negotiation, which accepts only "no authentication required", then one CONNECT request. */
export class Socks5 implements ProxyProtocol {
  /** Bytes of the current message. */
  #bytes: number[] = [];
  #methodSelected = false;

  take(byte: number): ProtocolStep {
    this.#bytes.push(byte);
    if (this.#methodSelected) return readRequest(this.#bytes);
    const step = readMethods(this.#bytes);
    if (step.type === "more" && step.reply !== undefined) {
      this.#methodSelected = true;
      this.#bytes = [];
    }
    return step;
  }

  granted(): Bytes {
    return reply(REPLY.SUCCEEDED);
  }

  refusedBy(code: SshErrorCode): Bytes {
    return reply(REPLY[REPLY_TO_FAILURE[code] ?? "GENERAL_FAILURE"]);
  }
}

/** Reads version, number of methods, and methods (RFC 1928 §3). */
function readMethods(bytes: readonly number[]): ProtocolStep {
  const count = bytes[1];
  if (count === undefined || bytes.length < 2 + count) return MORE;
  if (bytes.includes(NO_AUTHENTICATION, 2)) return { type: "more", reply: methodSelection(NO_AUTHENTICATION) };
  return refuse(
    methodSelection(NO_ACCEPTABLE_METHODS),
    "SOCKS 5 client does not offer method 0 (no authentication); remove user name and password from its proxy settings",
  );
}

/** Reads version, command, a reserved byte, address type, address and port (RFC 1928 §4). */
function readRequest(bytes: readonly number[]): ProtocolStep {
  const [version, command, , type] = bytes;
  if (version !== SOCKS5_VERSION)
    return refuse(reply(REPLY.GENERAL_FAILURE), `SOCKS 5 request has version ${version}, expected 5`);
  if (type === undefined) return MORE;
  const addressLength = socks5AddressLength(type, bytes[4]);
  if (addressLength === "unknown type")
    return refuse(
      reply(REPLY.ADDRESS_TYPE_NOT_SUPPORTED),
      `unsupported SOCKS 5 address type ${type}; expected IPv4 (1), domain name (3) or IPv6 (4)`,
    );
  if (addressLength === undefined || bytes.length < 4 + addressLength + 2) return MORE;

  if (command !== CONNECT)
    return refuse(
      reply(REPLY.COMMAND_NOT_SUPPORTED),
      `unsupported SOCKS 5 command ${command}; expected CONNECT (${CONNECT})`,
    );
  const address = bytes.slice(4, 4 + addressLength);
  const host = hostOf(type, address);
  if (host === undefined)
    return refuse(reply(REPLY.GENERAL_FAILURE), `invalid SOCKS 5 host name ${quote(address.slice(1))}`);
  const port = bytes.at(-2)! * 256 + bytes.at(-1)!;
  if (port === 0)
    return refuse(
      reply(REPLY.GENERAL_FAILURE),
      "invalid port 0 in SOCKS 5 request; expected an integer from 1 to 65535",
    );
  return { type: "connect", target: { host, port } };
}

/**
 * Returns the length of the address field in bytes. `first` is its first byte, the length of a domain name. Returns `undefined` if that
 * byte is needed and has not arrived.
 */
export function socks5AddressLength(type: number, first: number | undefined): number | undefined | "unknown type" {
  switch (type) {
    case SOCKS5_ADDRESS_TYPE.IPV4:
      return 4;
    case SOCKS5_ADDRESS_TYPE.IPV6:
      return 16;
    case SOCKS5_ADDRESS_TYPE.DOMAIN_NAME:
      return first === undefined ? undefined : 1 + first;
    default:
      return "unknown type";
  }
}

function hostOf(type: number, address: readonly number[]): string | undefined {
  if (type === SOCKS5_ADDRESS_TYPE.DOMAIN_NAME) return hostName(address.slice(1));
  return type === SOCKS5_ADDRESS_TYPE.IPV4 ? address.join(".") : ipv6Text(address);
}

function methodSelection(method: number): Bytes {
  return Uint8Array.of(SOCKS5_VERSION, method);
}

/**
 * Returns a reply: version, code, a reserved byte, and the bound address (RFC 1928 §6). RFC 4254 does not reveal that address, so 0.0.0.0
 * port 0 is sent.
 */
function reply(code: number): Bytes {
  return Uint8Array.of(SOCKS5_VERSION, code, 0, SOCKS5_ADDRESS_TYPE.IPV4, 0, 0, 0, 0, 0, 0);
}
