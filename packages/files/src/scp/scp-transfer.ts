import type { ScpClosedEvent, ScpMachine } from "@nacre/sftp/scp";
import { escapeText, SshError } from "@nacre/wire";
import type { CallContext } from "../channel/call.ts";
import type { LocalFiles, LocalPath } from "../local/local-files.ts";
import { shownPath } from "../local/names.ts";
import type { ChannelOpener } from "../remote/open-sftp.ts";
import type { TransferResult } from "../transfer/options.ts";
import type { ScpOptions } from "./options.ts";
import { ScpProcess } from "./scp-process.ts";
import { Tally } from "./tally.ts";

/** Input of one call of `uploadScp` or `downloadScp`. */
export interface ScpJob<Machine> {
  /** State machine of the client's role. */
  readonly machine: Machine;
  /** File or directory of the local side. */
  readonly local: LocalPath;
  /** Checked options of the call. */
  readonly options: ScpOptions;
  /** Names the call and its path in errors. */
  readonly context: CallContext;
}

/** A transfer with scp, in either direction. */
export abstract class ScpTransfer<Event extends { readonly type: string }, Machine extends ScpMachine<Event>> {
  protected readonly machine: Machine;
  protected readonly files: LocalFiles;
  protected readonly local: string;
  protected readonly options: ScpOptions;
  protected readonly context: CallContext;
  protected readonly tally: Tally;
  #process: ScpProcess<Event> | undefined;

  constructor({ machine, local, options, context }: ScpJob<Machine>) {
    this.machine = machine;
    this.files = local.files;
    this.local = local.path;
    this.options = options;
    this.context = context;
    this.tally = new Tally(options, context);
  }

  /** Starts scp on the server with `command`, and moves the files. Resolves or rejects when its channel is closed. */
  async run(ssh: ChannelOpener, command: Uint8Array): Promise<TransferResult> {
    const process = await ScpProcess.start(ssh, this.machine, command, this.context);
    this.#process = process;
    try {
      await this.move();
      await process.finish();
      return this.tally.result;
    } catch (error) {
      throw await process.fail(error);
    }
  }

  /** Moves all files. Resolves when the server has confirmed them. */
  protected abstract move(): Promise<void>;

  /** Returns a local path as messages show it. */
  protected show(path: string): string {
    return shownPath(path, this.files.nameRules);
  }

  /** Program on the server. Only for `move` and its calls. */
  protected get process(): ScpProcess<Event> {
    return this.#process!;
  }

  /** Resolves with the next event, or `undefined` when the server has ended scp. Throws the error that ended it. */
  protected async next(): Promise<Exclude<Event, ScpClosedEvent> | undefined> {
    const event = await this.process.next();
    // TypeScript does not narrow a type parameter.
    if (event.type !== "closed") return event as Exclude<Event, ScpClosedEvent>;
    this.tally.end();
    const { error } = event as ScpClosedEvent;
    if (error !== undefined) throw error;
    return undefined;
  }
}

/** Characters of a server's text that an error shows. */
const SHOWN_LENGTH = 300;

/** Returns the error for a text of the server. The text is escaped, because it may contain commands to a terminal (CVE-2019-6109). */
export function problemError(what: string, text: string): SshError {
  // rule: scp-problem-text
  const shown = escapeText(text.slice(0, SHOWN_LENGTH));
  return new SshError("scp-failure", `${what}: "${shown}"`);
}
