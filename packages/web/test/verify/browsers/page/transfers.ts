import { type Login, logIn, type Observed } from "./connect.ts";

/** Result of a transfer. */
export interface Transfer {
  /** SHA-256 of the data that the page sent or received, in hex. */
  readonly digest: string;
  readonly length: number;
  /** Output of the command, for an upload. */
  readonly stdout: string;
  readonly exit: number | undefined;
  readonly observed: Observed;
}

/** When to have the WebSocket cut. */
export interface CutPlan {
  /** Bytes between two cuts. */
  readonly every: number;
  readonly times: number;
  /** Number of WebSockets that the site refuses after each cut; default 0. */
  readonly refusals?: number;
}

/** Length of a written chunk, and most bytes of one `crypto.getRandomValues`. */
const CHUNK = 65_536;

/** Passes `length` random bytes to a command. Has the WebSocket cut meanwhile, as `plan` says. */
export async function upload(login: Login, command: string, length: number, plan?: CutPlan): Promise<Transfer> {
  const data = randomBytes(length);
  const { ssh, observed } = await logIn(login);
  try {
    const { stdin, stdout, exit } = await ssh.spawn(command);
    const output = new Response(stdout).text();
    const cuts = new Cuts(observed, plan);
    const writer = stdin.getWriter();
    for (let offset = 0; offset < length; offset += CHUNK) {
      await writer.write(data.subarray(offset, offset + CHUNK));
      await cuts.moved(Math.min(offset + CHUNK, length));
    }
    await writer.close();
    const { status } = await exit;
    return { digest: await sha256(data), length, stdout: await output, exit: status, observed };
  } finally {
    await ssh.close();
  }
}

/** Reads the output of a command, at most `length` bytes. Has the WebSocket cut meanwhile, as `plan` says. */
export async function download(login: Login, command: string, length: number, plan?: CutPlan): Promise<Transfer> {
  const data = new Uint8Array(length);
  const { ssh, observed } = await logIn(login);
  try {
    const { stdout, exit } = await ssh.spawn(command);
    const cuts = new Cuts(observed, plan);
    const reader = stdout.getReader();
    let received = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      data.set(value, received);
      received += value.length;
      await cuts.moved(received);
    }
    const { status } = await exit;
    return { digest: await sha256(data), length: received, stdout: "", exit: status, observed };
  } finally {
    await ssh.close();
  }
}

/** Asks the site to cut all WebSockets. The transfer goes on meanwhile, so that bytes are in flight. */
class Cuts {
  readonly #observed: Observed;
  readonly #plan: CutPlan;
  #made = 0;
  /** Number of bytes moved before the last cut. */
  #last = 0;
  #request: Promise<Response> | undefined;

  constructor(observed: Observed, plan: CutPlan = { every: 0, times: 0 }) {
    this.#observed = observed;
    this.#plan = plan;
  }

  /**
   * Called with the number of bytes moved so far. Cuts a WebSocket only after it was restored from the previous cut. Waits for a cut before
   * more than `every` further bytes are moved, so that the transfer is long enough for all cuts.
   */
  async moved(bytes: number): Promise<void> {
    const { every, times, refusals = 0 } = this.#plan;
    if (bytes < this.#last + every) return;
    await this.#request;
    if (this.#made === times || this.#observed.changes.length < 2 * this.#made) return;
    this.#made++;
    this.#last = bytes;
    this.#request = fetch(`/cut?refusals=${refusals}`, { method: "POST" });
  }
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += CHUNK) crypto.getRandomValues(bytes.subarray(offset, offset + CHUNK));
  return bytes;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
