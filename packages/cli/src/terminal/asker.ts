import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { isAbsolutePath, isWindows, showPath, thisSystem } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";
import { say, show } from "../say.ts";
import { openTerminal, type TerminalDescriptors, type TerminalOptions, terminalOn } from "./terminal.ts";

/** Asks the user, one question at a time. Texts are shown unchanged; escape texts from a server first. */
export interface Asker {
  /** Shows text. End it with a newline. */
  show(text: string): void;
  /** Resolves with the answer. `echo` is whether it may be seen while it is typed. */
  ask(prompt: string, options: { readonly echo: boolean }): Promise<string>;
  /** Ends the questions: `ask` then rejects with `auth-cancelled`. Returns input typed after the last answer. */
  close(): string;
}

/**
 * Returns the terminal, or the program that asks in its place, as ssh(1) chooses between them. Returns `undefined` if neither may ask. A
 * process in the background passes the terminal that it inherited.
 */
export function openAsker(
  background?: { readonly terminal: TerminalDescriptors | undefined },
  options?: TerminalOptions,
): Asker | undefined {
  const use = askpassUse(process.env);
  if (use === "always") return new Askpass();
  const terminal =
    background === undefined ? openTerminal(options) : background.terminal && terminalOn(background.terminal);
  return terminal ?? (use === "without-terminal" ? new Askpass() : undefined);
}

/** Returns whether a program asks the questions (ssh(1), SSH_ASKPASS_REQUIRE): always, without a terminal, or never. */
export function askpassUse({
  DISPLAY,
  WAYLAND_DISPLAY,
  SSH_ASKPASS_REQUIRE,
}: NodeJS.ProcessEnv): "always" | "without-terminal" | "never" {
  const hasDisplay = Boolean(DISPLAY) || Boolean(WAYLAND_DISPLAY);
  switch (SSH_ASKPASS_REQUIRE?.toLowerCase()) {
    case "force":
      return "always";
    case "prefer":
      return hasDisplay ? "always" : "never";
    case "never":
      return "never";
    default:
      return hasDisplay ? "without-terminal" : "never";
  }
}

/** Returns the program if SSH_ASKPASS names none; "" on Windows, which has none. */
function defaultProgram(): string {
  if (isWindows()) return "";
  return thisSystem.platform === "darwin" ? "/usr/X11R6/bin/ssh-askpass" : "/usr/bin/ssh-askpass";
}

/** Maximum bytes of an answer; ssh(1) ignores further ones. */
const MAX_ANSWER = 1023;

/** Asks by the program that SSH_ASKPASS names: the prompt is its argument, the first line of its output the answer. */
export class Askpass implements Asker {
  #child: ChildProcess | undefined;
  #isClosed = false;

  show(text: string): void {
    show(text);
  }

  /** Resolves with "" if the program fails, and the server then refuses that, as with ssh(1). */
  async ask(prompt: string): Promise<string> {
    // A connection that is made again asks nothing.
    if (this.#isClosed) throw new SshError("auth-cancelled", "no question is asked after the login");
    return (await this.#run(prompt, {})) ?? "";
  }

  /** Resolves with whether the user permits something: the program succeeds, and its answer is empty or "yes". */
  async permit(question: string): Promise<boolean> {
    const answer = await this.#run(question, { SSH_ASKPASS_PROMPT: "confirm" });
    return answer !== undefined && /^(yes)?$/i.test(answer);
  }

  /** Ends a program that still asks. */
  close(): string {
    this.#isClosed = true;
    this.#child?.kill();
    return "";
  }

  #run(prompt: string, hint: NodeJS.ProcessEnv): Promise<string | undefined> {
    const program = process.env.SSH_ASKPASS ?? defaultProgram();
    return new Promise((resolve) => {
      const fail = (reason: string): void => {
        say(`ssh_askpass: exec(${showPath(program)}): ${reason}`);
        resolve(undefined);
      };
      if (program === "") return fail("No such file or directory");
      // Windows looks in the current folder first.
      // rule: windows-askpass
      if (isWindows() && !isAbsolutePath(program)) return fail("not an absolute path");
      const failed = ({ code, message }: NodeJS.ErrnoException): void =>
        fail(
          code === "ENOENT" ? "No such file or directory" : code === "EACCES" ? "Permission denied" : showPath(message),
        );
      let child: ChildProcessByStdio<null, Readable, null>;
      try {
        const env = { ...process.env, ...hint };
        child = spawn(program, [prompt], { stdio: ["inherit", "pipe", "inherit"], env });
      } catch (cause) {
        // On Windows, spawn throws for a file that is not a program, such as one that ends in .cmd.
        return failed(cause as Error);
      }
      this.#child = child;
      const pieces: Buffer[] = [];
      let length = 0;
      child.stdout.on("data", (piece: Buffer) => {
        if (length < MAX_ANSWER) pieces.push(piece);
        length += piece.length;
      });
      child.once("error", failed);
      child.once("close", (status) => {
        const [answer] = Buffer.concat(pieces)
          .subarray(0, MAX_ANSWER)
          .toString()
          .split(/[\r\n]/);
        resolve(status === 0 ? answer : undefined);
      });
    });
  }
}
