import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll } from "vitest";
import { importOptions } from "../../../../scripts/build/fingerprint.mjs";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
/** Words that run the chat with Node. */
export const MAIN: readonly string[] = [...importOptions(), "examples/chat/src/main.ts"];

/** Running program. `text` collects its standard output and standard error. */
export class Program {
  text = "";
  /** Resolves with the exit status. */
  readonly closed: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Whether the program has exited and all of its output is in `text`. */
  #isClosed = false;
  #look: () => void = () => {};

  constructor([command = "", ...words]: readonly string[]) {
    this.#child = spawn(command, words, { cwd: ROOT, env: { ...process.env, SSH_AUTH_SOCK: "", TERM: "xterm" } });
    this.#child.stdin.on("error", () => {});
    for (const output of [this.#child.stdout, this.#child.stderr])
      output.on("data", (chunk: Buffer) => {
        this.text += chunk.toString();
        this.#look();
      });
    this.closed = once(this.#child, "close").then(([status]) => {
      this.#isClosed = true;
      this.#look();
      return status as number | null;
    });
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  endInput(): void {
    this.#child.stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when the program has written this text. Rejects if it exits first. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      if (this.#isClosed) throw new Error(`ended before ${JSON.stringify(text)}: ${this.text}`);
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }
}

/** Process that runs the chat. */
export interface ChatProcess {
  readonly program: Program;
  readonly sshPort: number;
  readonly webPort: number;
}

/** Returns functions that start programs. Each program is killed after its test. */
export function usePrograms(): {
  readonly start: (words: readonly string[]) => Program;
  readonly startChat: (options?: readonly string[]) => Promise<ChatProcess>;
  /** Starts OpenSSH's client, with its own terminal or with pipes. */
  readonly ssh: (chat: ChatProcess, name: string, how: "terminal" | "pipes") => Program;
  readonly folder: { readonly path: string };
} {
  const folder = { path: "" };
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), "nacre-chat-"));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true }));
  const running: Program[] = [];
  const start = (words: readonly string[]): Program => {
    const program = new Program(words);
    running.push(program);
    return program;
  };
  afterEach(async () => {
    for (const program of running.splice(0)) {
      program.kill("SIGKILL");
      await program.closed;
    }
  });
  const startChat = async (options: readonly string[] = []): Promise<ChatProcess> => {
    const ports = ["--ssh-port", "0", "--web-port", "0", "--host-key", join(folder.path, "host_key")];
    const program = start([process.execPath, ...MAIN, ...ports, ...options]);
    await program.until("page:");
    await program.until("/\n");
    const [, sshPort, webPort] = /-p (\d+) [^]*localhost:(\d+)\//.exec(program.text) ?? [];
    return { program, sshPort: Number(sshPort), webPort: Number(webPort) };
  };
  const ssh = ({ sshPort }: ChatProcess, name: string, how: "terminal" | "pipes"): Program => {
    const known = ["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(folder.path, "known")}`];
    const words = ["ssh", "-F", "/dev/null", ...known, "-p", `${sshPort}`, `${name}@localhost`];
    if (how === "pipes") return start(words);
    return start(["script", "--quiet", "--return", "--flush", "--command", words.join(" "), "/dev/null"]);
  };
  return { start, startChat, ssh, folder };
}
