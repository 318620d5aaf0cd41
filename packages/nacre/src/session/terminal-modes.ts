import { Reader, SshError, Writer } from "@nacre/wire";

/** Opcodes of encoded terminal modes (RFC 4254 §8; IUTF8: RFC 8160), by their POSIX names. */
export const TERMINAL_MODES = {
  VINTR: 1,
  VQUIT: 2,
  VERASE: 3,
  VKILL: 4,
  VEOF: 5,
  VEOL: 6,
  VEOL2: 7,
  VSTART: 8,
  VSTOP: 9,
  VSUSP: 10,
  VDSUSP: 11,
  VREPRINT: 12,
  VWERASE: 13,
  VLNEXT: 14,
  VFLUSH: 15,
  VSWTCH: 16,
  VSTATUS: 17,
  VDISCARD: 18,
  IGNPAR: 30,
  PARMRK: 31,
  INPCK: 32,
  ISTRIP: 33,
  INLCR: 34,
  IGNCR: 35,
  ICRNL: 36,
  IUCLC: 37,
  IXON: 38,
  IXANY: 39,
  IXOFF: 40,
  IMAXBEL: 41,
  IUTF8: 42,
  ISIG: 50,
  ICANON: 51,
  XCASE: 52,
  ECHO: 53,
  ECHOE: 54,
  ECHOK: 55,
  ECHONL: 56,
  NOFLSH: 57,
  TOSTOP: 58,
  IEXTEN: 59,
  ECHOCTL: 60,
  ECHOKE: 61,
  PENDIN: 62,
  OPOST: 70,
  OLCUC: 71,
  ONLCR: 72,
  OCRNL: 73,
  ONOCR: 74,
  ONLRET: 75,
  CS7: 90,
  CS8: 91,
  PARENB: 92,
  PARODD: 93,
  TTY_OP_ISPEED: 128,
  TTY_OP_OSPEED: 129,
} as const;

/** Mode values (uint32) by the names in `TERMINAL_MODES`. An opcode without a name is keyed by its number, such as `"99"`. */
export type TerminalModes = Readonly<Record<string, number>>;

const TTY_OP_END = 0;
/** Opcodes from 160 on have no defined argument, so reading must stop (RFC 4254 §8). */
const FIRST_UNDEFINED = 160;

const OPCODES: ReadonlyMap<string, number> = /* @__PURE__ */ opcodesByName();
const NAMES: ReadonlyMap<number, string> = /* @__PURE__ */ namesByOpcode();

function opcodesByName(): ReadonlyMap<string, number> {
  return new Map(Object.entries(TERMINAL_MODES));
}

function namesByOpcode(): ReadonlyMap<number, string> {
  return new Map(Object.entries(TERMINAL_MODES).map(([name, opcode]) => [opcode, name]));
}

/** Encodes the `modes` of a "pty-req" (RFC 4254 §8). Throws `usage` for an unknown name or an invalid value. */
export function encodeTerminalModes(modes: TerminalModes): Uint8Array {
  const writer = new Writer();
  for (const [name, value] of Object.entries(modes)) {
    const opcode = OPCODES.get(name) ?? (/^[1-9]\d{0,2}$/.test(name) ? Number(name) : FIRST_UNDEFINED);
    if (opcode >= FIRST_UNDEFINED) throw new SshError("usage", `unknown terminal mode ${JSON.stringify(name)}`);
    if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff))
      throw new SshError("usage", `terminal mode ${name} must be an integer from 0 to 4294967295, got ${value}`);
    writer.byte(opcode).uint32(value);
  }
  return writer.byte(TTY_OP_END).finish();
}

/**
 * Decodes the `modes` of a "pty-req" (RFC 4254 §8) until TTY_OP_END, an opcode from 160 on, or the end of the bytes; some clients omit
 * TTY_OP_END. If an opcode occurs twice, the last value counts. Throws `malformed-message` if an argument is truncated.
 */
export function decodeTerminalModes(bytes: Uint8Array): TerminalModes {
  const reader = new Reader(bytes, "terminal modes");
  const modes: Record<string, number> = {};
  while (reader.remaining > 0) {
    const opcode = reader.byte("opcode");
    if (opcode === TTY_OP_END || opcode >= FIRST_UNDEFINED) break;
    const name = NAMES.get(opcode) ?? String(opcode);
    modes[name] = reader.uint32(name);
  }
  return modes;
}
