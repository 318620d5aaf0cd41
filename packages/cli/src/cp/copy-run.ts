import { copy, download, upload } from "@nacre/files";
import { loadNodeFiles, type TransferOptions, type TransferResult } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { explain, say } from "../say.ts";
import type { CopyArguments } from "./arguments.ts";
import type { Place } from "./place.ts";
import { findTarget, planStep, type Step } from "./plan.ts";
import type { ProgressBar } from "./progress-bar.ts";
import { unsetLines, unverifiedLines } from "./result-lines.ts";
import type { Server } from "./servers.ts";
import { type Side, Sides } from "./side.ts";
import { intoSpecial } from "./special-file.ts";
import { TotalProgress } from "./total-progress.ts";

/** Exit status if something was not copied, as with scp(1). */
const INCOMPLETE = 1;

/** A place and the connection to its server. */
export interface Located {
  /** Place as typed. */
  readonly place: Place;
  /** Connection to its server; `undefined` for a place on this machine. */
  readonly server?: Server;
}

/** Connections of both sides of a copy; `undefined` for this machine. */
interface Ends {
  readonly source: Server | undefined;
  readonly target: Server | undefined;
}

/** A step and the connections of its sides. */
type Task = Step & Ends;

/** One run of `nacre cp` over connections that are open. */
export class CopyRun {
  readonly #words: CopyArguments;
  readonly #signal: AbortSignal;
  readonly #bar: ProgressBar | undefined;
  readonly #sides: Sides;
  #isComplete = true;

  /** `bar` shows the progress; `undefined` shows none. */
  constructor(words: CopyArguments, signal: AbortSignal, bar: ProgressBar | undefined) {
    this.#words = words;
    this.#signal = signal;
    this.#bar = bar;
    this.#sides = new Sides(signal, words.usesScp);
  }

  /**
   * Copies the sources one after the other. Resolves with the exit status. Rejects if a connection ends, or with `aborted`. Call it once.
   */
  async run(sources: readonly Located[], target: Located): Promise<number> {
    try {
      return await this.#copyAll(sources, target);
    } finally {
      await this.#sides.close();
    }
  }

  async #copyAll(sources: readonly Located[], target: Located): Promise<number> {
    const tasks: Task[] = [];
    // An error of the target ends the copy of all sources.
    await this.#attempt({ source: undefined, target: target.server }, () => this.#plan(sources, target, tasks));
    const progress = this.#bar && new TotalProgress(this.#bar, tasks, () => performance.now());
    try {
      for (const [index, task] of tasks.entries()) {
        let moved: number | undefined;
        await this.#attempt(task, async () => {
          const result = await this.#move(task, progress?.of(index));
          moved = result.bytes;
          this.#report(task, result);
        });
        progress?.ended(index, moved);
      }
    } finally {
      progress?.finish();
    }
    return this.#isComplete ? 0 : INCOMPLETE;
  }

  /** Plans the copies, and adds them to `tasks`. */
  async #plan(sources: readonly Located[], target: Located, tasks: Task[]): Promise<void> {
    const expanded: { readonly path: string; readonly server: Server | undefined; readonly side: Side }[] = [];
    for (const { place, server } of sources) {
      const side = await this.#sides.of(server?.client);
      await this.#attempt({ source: server, target: target.server }, async () => {
        for (const path of await side.expand(await side.resolve(place.path))) expanded.push({ path, server, side });
      });
    }
    const targetSide = await this.#sides.of(target.server?.client);
    const count = Math.max(sources.length, expanded.length);
    const found = await findTarget(targetSide, await targetSide.resolve(target.place.path), count);
    for (const { path, server, side } of expanded) {
      const ends = { source: server, target: target.server };
      await this.#attempt(ends, async () => {
        tasks.push({ ...(await planStep(side, path, found, this.#words.recursive)), ...ends });
      });
    }
  }

  async #move(
    { from, to, isTyped, source, target, isIntoSpecial }: Task,
    onProgress: TransferOptions["onProgress"] | undefined,
  ): Promise<TransferResult> {
    const { recursive, preserve, resume, verify, limit, symlinks, usesScp } = this.#words;
    const signal = this.#signal;
    if (isIntoSpecial) {
      if (source === undefined || target !== undefined)
        throw new SshError("usage", `"${escapeText(to)}" on the server is a device, pipe or socket; name a file`);
      const sftp = await this.#sides.sftp(source.client);
      return download(sftp, from, intoSpecial(to), { verify, limit, onProgress, signal });
    }
    const common = { recursive, preserve, symlinks, onProgress, onError: "skip", signal } as const;
    if (usesScp) {
      const scp = { ...common, protocol: "scp" } as const;
      if (source === undefined) return target!.client.upload(from, to, scp);
      return source.client.download(from, to, {
        ...scp,
        // rule: copy-scp-typed-target
        followTarget: isTyped,
      });
    }
    const options = {
      ...common,
      resume,
      verify,
      limit,
      // rule: copy-typed-target
      followTarget: isTyped,
    };
    const files = await loadNodeFiles();
    if (source === undefined) return upload(await this.#sides.sftp(target!.client), { files, path: from }, to, options);
    const sftp = await this.#sides.sftp(source.client);
    if (target === undefined) return download(sftp, from, { files, path: to }, options);
    return copy(sftp, from, await this.#sides.sftp(target.client), to, options);
  }

  /** Prints what was not copied, not verified, or copied without its attributes. */
  #report({ from, source }: Task, { failed, skipped, unverified, unset }: TransferResult): void {
    const show = source === undefined ? showPath : (path: string) => escapeText(path);
    const shown = (path: string): string => `"${show(path === "" ? from : `${from}/${path}`)}"`;
    for (const { error } of failed) this.#complain(error);
    for (const { path, reason } of skipped)
      if (reason === "special")
        this.#complain(new SshError("usage", `${shown(path)} is a device, pipe or socket, and was not copied`));
    for (const line of unverifiedLines(from, unverified, show)) this.#say(line);
    for (const line of unsetLines(from, unset, show)) {
      this.#isComplete = false;
      this.#say(line);
    }
  }

  /** Does the work for one source. An error is printed, and the next source follows, unless a connection or the whole copy has ended. */
  async #attempt({ source, target }: Ends, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isOver = source?.isOver === true || target?.isOver === true || this.#signal.aborted;
      if (isOver || !(error instanceof SshError)) throw error;
      this.#complain(error);
    }
  }

  #complain(error: SshError): void {
    this.#isComplete = false;
    this.#say(`nacre: ${explain(error)}`);
  }

  #say(text: string): void {
    this.#bar?.clear();
    say(text);
  }
}
