import { randomBytes } from "node:crypto";
import {
  envRequest,
  execRequest,
  ptyRequest,
  subsystemRequest,
  Writer,
  x11Request as x11RequestCodec,
} from "@nacre/wire";
import { TERMINAL_MODES } from "nacre/extend";
import { toBytes, toText } from "./arguments.ts";
import type { SessionRequest } from "./request.ts";

/** Options of a terminal. Sizes are in characters and pixels. */
export interface PseudoTtyOptions {
  rows?: number | undefined;
  cols?: number | undefined;
  height?: number | undefined;
  width?: number | undefined;
  /** Value of the TERM environment variable; default "vt100". */
  term?: string | undefined;
  /** Values by the names of RFC 4254 §8, or encoded. */
  modes?: Readonly<Record<string, number>> | Uint8Array | readonly number[] | null | undefined;
}

/** Options of X11 forwarding. */
export interface X11Options {
  /** Whether only one connection is forwarded; default false. */
  single?: boolean | undefined;
  /** Number of the screen; default 0. */
  screen?: number | undefined;
  /** Authentication protocol; default "MIT-MAGIC-COOKIE-1". */
  protocol?: string | undefined;
  /** Authentication cookie: bytes, or text in hexadecimal; default random. */
  cookie?: string | Buffer | undefined;
}

const NOTHING = new Uint8Array(0);

/** Returns the request of a shell. */
export function shellRequest(): SessionRequest {
  return { type: "shell", data: NOTHING, refusal: "Unable to open shell" };
}

/** Returns the request of a command. Throws a `TypeError` for one that is neither text nor bytes. */
export function commandRequest(command: string | Uint8Array): SessionRequest {
  return {
    type: "exec",
    data: execRequest.encode({ command: toBytes(command, "command") }),
    refusal: "Unable to exec",
  };
}

/** Returns the request of a subsystem. Throws a `TypeError` for a name that is not text. */
export function startSubsystemRequest(name: string): SessionRequest {
  return {
    type: "subsystem",
    data: subsystemRequest.encode({ name: toText(name, "name") }),
    refusal: `Unable to start subsystem: ${name}`,
  };
}

/** Returns the request to forward the agent. */
export function agentRequest(): SessionRequest {
  return { type: "auth-agent-req@openssh.com", data: NOTHING, refusal: "Unable to request agent forwarding" };
}

/** Returns the requests of environment variables. Throws a `TypeError` for a value that is neither text nor bytes. */
export function envRequests(env: Readonly<Record<string, unknown>> | null | undefined): readonly SessionRequest[] {
  if (typeof env !== "object" || env === null) return [];
  return Object.entries(env).map(([name, value]) => ({
    type: "env",
    data:
      typeof value === "string"
        ? envRequest.encode({ name, value })
        : new Writer()
            .string(name)
            .string(toBytes(value, `env.${name}`))
            .finish(),
    refusal: "Unable to set environment",
  }));
}

/** Returns the request of a terminal. What the options lack or have of another type gets ssh2's default. */
export function terminalRequest(options: PseudoTtyOptions | true | null | undefined): SessionRequest {
  const given = typeof options === "object" && options !== null ? options : {};
  return {
    type: "pty-req",
    data: ptyRequest.encode({
      term: typeof given.term === "string" && given.term !== "" ? given.term : "vt100",
      columns: size(given.cols, 80),
      rows: size(given.rows, 24),
      widthPixels: size(given.width, 640),
      heightPixels: size(given.height, 480),
      modes: encodeModes(given.modes),
    }),
    refusal: "Unable to request a pseudo-terminal",
  };
}

function size(value: unknown, fallback: number): number {
  return typeof value === "number" ? value >>> 0 : fallback;
}

/** Encodes terminal modes (RFC 4254 §8). Names that are unknown, and values that are not numbers, are left out. */
function encodeModes(modes: PseudoTtyOptions["modes"]): Uint8Array {
  const writer = new Writer();
  if (modes instanceof Uint8Array || Array.isArray(modes)) {
    if (modes.length > 0) return Uint8Array.from(modes);
  } else if (typeof modes === "object" && modes !== null) {
    for (const [name, value] of Object.entries(modes)) {
      const opcode = Object.hasOwn(TERMINAL_MODES, name)
        ? TERMINAL_MODES[name as keyof typeof TERMINAL_MODES]
        : undefined;
      if (opcode !== undefined && Number.isFinite(value)) writer.byte(opcode).uint32(value >>> 0);
    }
  }
  return writer.byte(0).finish();
}

/** Returns the request of X11 forwarding (RFC 4254 §6.3.1). What the options lack or have of another type gets ssh2's default. */
export function x11Request(options: X11Options | true): SessionRequest {
  const { single, screen, protocol, cookie } = options === true ? ({} as X11Options) : options;
  return {
    type: "x11-req",
    data: x11RequestCodec.encode({
      singleConnection: single === true,
      authenticationProtocol: typeof protocol === "string" ? protocol : "MIT-MAGIC-COOKIE-1",
      authenticationCookie: typeof cookie === "string" ? cookie : hexadecimal(cookie),
      screenNumber: typeof screen === "number" ? screen >>> 0 : 0,
    }),
    refusal: "Unable to request X11",
  };
}

function hexadecimal(cookie: unknown): string {
  return (Buffer.isBuffer(cookie) ? cookie : randomBytes(16)).toString("hex");
}
