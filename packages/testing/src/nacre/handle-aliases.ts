import { SSH_FXP } from "@nacre/sftp";

/** Types of the packets with a handle behind the request id. */
const WITH_HANDLE: ReadonlySet<number> = new Set([
  SSH_FXP.CLOSE,
  SSH_FXP.READ,
  SSH_FXP.WRITE,
  SSH_FXP.FSTAT,
  SSH_FXP.FSETSTAT,
  SSH_FXP.READDIR,
]);

/** Bytes before a handle: length of the packet, type, request id, length of the handle. */
const HANDLE_AT = 13;
const HANDLE_LENGTH = 8;

/**
 * Chooses the number of a new handle. `open` has those that are open, newest first.
 *
 * Erlang's server (OTP 27, `ssh_sftpd:new_handle`) counts on from the newest to the oldest, and so gives every handle after the second
 * twice.
 */
export type ChooseHandle = (open: readonly number[]) => number;

export const erlangHandles: ChooseHandle = (open) => open.reduce((next, one) => (one <= next ? one + 1 : next), 0);

/**
 * Gives the handles of a well-behaved server other names on the wire. A name that is given twice stands for the newest file; its CLOSE
 * closes that one, as Erlang's does. Packets must be whole, and requests of extensions are left as they are.
 */
export class HandleAliases {
  readonly #choose: ChooseHandle;
  /** Open handles, newest first. */
  readonly #open: { readonly alias: number; readonly handle: Uint8Array }[] = [];

  constructor(choose: ChooseHandle) {
    this.#choose = choose;
  }

  /** Renames the handles that the server gives, in place. */
  toClient(bytes: Uint8Array): void {
    for (const packet of packetsOf(bytes)) {
      if (packet[4] !== SSH_FXP.HANDLE) continue;
      const handle = packet.subarray(HANDLE_AT, HANDLE_AT + HANDLE_LENGTH);
      const alias = this.#choose(this.#open.map((one) => one.alias));
      this.#open.unshift({ alias, handle: handle.slice() });
      handle.fill(0xff).set([alias], HANDLE_LENGTH - 1);
    }
  }

  /** Puts the server's handles in the place of their names, in place. */
  toServer(bytes: Uint8Array): void {
    for (const packet of packetsOf(bytes)) {
      if (!WITH_HANDLE.has(packet[4]!)) continue;
      const handle = packet.subarray(HANDLE_AT, HANDLE_AT + HANDLE_LENGTH);
      const at = this.#open.findIndex(({ alias }) => alias === handle.at(-1));
      if (at < 0) continue;
      handle.set(this.#open[at]!.handle);
      if (packet[4] === SSH_FXP.CLOSE) this.#open.splice(at, 1);
    }
  }
}

/** Returns the number of packets of a type. Packets must be whole. */
export function countPackets(bytes: Uint8Array, type: number): number {
  return packetsOf(bytes).filter((packet) => packet[4] === type).length;
}

/** Returns views of the packets, each with its length field. */
function packetsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getUint32(at);
    packets.push(bytes.subarray(at, end));
    at = end;
  }
  return packets;
}
