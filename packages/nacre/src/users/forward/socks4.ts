import type { Bytes } from "@nacre/wire";
import {
  hostName,
  MAX_HOST_NAME,
  MORE,
  type ProtocolStep,
  type ProxyProtocol,
  quote,
  refuse,
} from "./proxy-protocol.ts";

/** The first byte of a SOCKS 4 request. */
export const SOCKS4_VERSION = 4;

const CONNECT = 1;
/** Bytes of version, command, port and address, before the user ID. */
const FIXED_LENGTH = 8;
/** Maximum length of a user ID in bytes. The specification sets no limit. */
const MAX_USER_ID = 255;
const GRANTED = 0x5a;
/** Rejected or failed. The other failure codes, 0x5c and 0x5d, concern identd. */
const REJECTED = 0x5b;

/**
 * SOCKS 4 ("SOCKS: A protocol for TCP proxy across firewalls", Y. Lee) and 4a ("SOCKS 4A: A Simple Extension to SOCKS 4 Protocol"): one
 * CONNECT request. The user ID is not authenticated, so it is ignored.
 */
export class Socks4 implements ProxyProtocol {
  readonly #bytes: number[] = [];

  take(byte: number): ProtocolStep {
    this.#bytes.push(byte);
    return readRequest(this.#bytes);
  }

  granted(): Bytes {
    return reply(GRANTED);
  }

  refusedBy(): Bytes {
    return reply(REJECTED);
  }
}

/** Reads version, command, port, address and a NUL-terminated user ID; for SOCKS 4a also a NUL-terminated host name. */
function readRequest(bytes: readonly number[]): ProtocolStep {
  if (bytes.length <= FIXED_LENGTH) return MORE;
  const userIdEnd = bytes.indexOf(0, FIXED_LENGTH);
  if (userIdEnd === -1) {
    const tooLong = bytes.length - FIXED_LENGTH > MAX_USER_ID;
    return tooLong ? reject(`SOCKS 4 user ID is longer than ${MAX_USER_ID} bytes`) : MORE;
  }
  const [, command, portHigh, portLow, ...address] = bytes.slice(0, FIXED_LENGTH);
  const port = portHigh! * 256 + portLow!;
  if (!announcesHostName(address)) return request(command!, address.join("."), port);

  const name = bytes.slice(userIdEnd + 1);
  if (name.length === 0 || name.at(-1) !== 0) {
    const tooLong = name.length > MAX_HOST_NAME;
    return tooLong ? reject(`SOCKS 4a host name is longer than ${MAX_HOST_NAME} bytes`) : MORE;
  }
  const host = hostName(name.slice(0, -1));
  if (host === undefined) return reject(`invalid SOCKS 4a host name ${quote(name.slice(0, -1))}`);
  return request(command!, host, port);
}

/** Returns whether the address is 0.0.0.x with x other than 0, which marks a SOCKS 4a request. */
function announcesHostName([a, b, c, d]: readonly number[]): boolean {
  return a === 0 && b === 0 && c === 0 && d !== 0;
}

function request(command: number, host: string, port: number): ProtocolStep {
  if (command !== CONNECT) return reject(`unsupported SOCKS 4 command ${command}; expected CONNECT (${CONNECT})`);
  if (port === 0) return reject("invalid port 0 in SOCKS 4 request; expected an integer from 1 to 65535");
  return { type: "connect", target: { host, port } };
}

function reject(problem: string): ProtocolStep {
  return refuse(reply(REJECTED), problem);
}

/** Returns a reply: version 0, the code, and a port and address that clients ignore after CONNECT. */
function reply(code: number): Bytes {
  return Uint8Array.of(0, code, 0, 0, 0, 0, 0, 0);
}
