import { type Bytes, checkLimit, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import { usage } from "../../check.ts";
import type { Channel } from "../../mux/channel.ts";
import { checkOptions } from "../../options/schema.ts";
import { Backlog } from "../../streams/backlog.ts";
import { type Client, connectionOf } from "../client/client.ts";
import type { EncodedRequest } from "../client/client-user.ts";
import { cutShort, ExitReport } from "./exit.ts";
import { STDOUT } from "./names.ts";
import { EXEC_OPTIONS, type ExecOptions, type ExecResult } from "./options.ts";
import { encodeCommand, toBytes } from "./requests.ts";
import { encodeStart, startSession, withSession } from "./start-session.ts";

/**
 * Runs a command to its end. Returns its output and how it ended. Output is text decoded as UTF-8, or bytes with `{ encoding: "bytes" }`. A
 * nonzero exit status is a result, not an error. Rejects with `output-limit`, `aborted`, `channel-open-failed`, `channel-request-failed`,
 * `usage` for invalid arguments, or the error that ended the connection.
 *
 * Input follows the server's answer to the request for the command. Servers known to bear it get both at once.
 */
export function exec(
  client: Client,
  command: string | Uint8Array,
  options?: ExecOptions & { readonly encoding?: "utf8" | undefined },
): Promise<ExecResult>;
export function exec(
  client: Client,
  command: string | Uint8Array,
  options: ExecOptions & { readonly encoding: "bytes" },
): Promise<ExecResult<Bytes>>;
export async function exec(
  client: Client,
  command: string | Uint8Array,
  options: ExecOptions & { readonly encoding?: "utf8" | "bytes" | undefined } = {},
): Promise<ExecResult<string | Bytes>> {
  checkOptions(options, EXEC_OPTIONS, "`exec`");
  const { maxOutput = MAX_OUTPUT, encoding = "utf8", retry = false } = options;
  if (encoding !== "utf8" && encoding !== "bytes")
    throw usage(`\`encoding\` must be "utf8" or "bytes", got ${escapeText(String(encoding))}`);
  if (maxOutput !== Number.POSITIVE_INFINITY) checkLimit("maxOutput", maxOutput, OUTPUT_RANGE);
  const { reconnection } = connectionOf(client);
  if (retry && reconnection === undefined) throw usage("`retry` needs a client with `reconnect`");
  const requests = encodeStart(client, options, "exec", encodeCommand(command, options));
  // Send no EOF to a terminal without input: on EOF, dropbear would hang up the command and lose its output.
  const endless = options.input === undefined && Boolean(options.pty);
  const input = endless ? undefined : toBytes(options.input ?? "", "the input");
  let hasExit = false;
  const run = (): Promise<ExecResult<Bytes>> =>
    withSession(client, options, requests, (channel, start) =>
      collect(channel, start, input, maxOutput, () => {
        hasExit = true;
      }),
    );
  const running = /* rule: reconnect-runs-once */ retry
    ? reconnection!.repeat(run, () => !hasExit, options.signal)
    : run();
  const result = await running;
  if (encoding === "bytes") return result;
  return { ...result, stdout: utf8DecodeLossy(result.stdout), stderr: utf8DecodeLossy(result.stderr) };
}

const MAX_OUTPUT = 64 * 1024 * 1024;
const OUTPUT_RANGE = { least: 0, most: Number.MAX_SAFE_INTEGER, unit: "bytes" };

/**
 * Runs a command on a channel to its end and collects its output. `given` is the complete input; if `undefined`, no EOF is sent. Calls
 * `onExit` if the connection ends after the server has reported the exit.
 */
function collect(
  channel: Channel,
  start: readonly EncodedRequest[],
  given: Uint8Array | undefined,
  limit: number,
  onExit: () => void,
): Promise<ExecResult<Bytes>> {
  const kept = { stdout: new Backlog(), stderr: new Backlog() };
  let size = 0;
  let input = given;
  let isWhole = false;
  const report = new ExitReport(channel);

  return new Promise((resolve, reject) => {
    const begun = startSession(channel, start, () => report.hasExit);
    begun.catch(reject);
    const feed = (): void => {
      if (input === undefined) return;
      try {
        input = input.subarray(channel.write(input));
        if (input.length === 0) channel.end();
      } catch (error) {
        // The channel may have closed just before the write.
        reject(error);
      }
    };
    channel.handler = {
      data(stream, bytes) {
        size += bytes.length;
        if (size > limit) {
          reject(
            new SshError(
              "output-limit",
              `the command printed more than ${limit} bytes; use \`spawn\` or raise \`maxOutput\``,
            ),
          );
          channel.close();
          return;
        }
        (stream === STDOUT ? kept.stdout : kept.stderr).push(bytes, 0);
        channel.consumed(bytes.length);
      },
      writable: feed,
      eof() {
        isWhole = true;
      },
      request: (request) => report.onRequest(request),
      closed({ error }) {
        const { exit } = report;
        if (report.hasExit) onExit();
        const cut = isWhole ? error : cutShort(exit, error);
        if (cut !== undefined) {
          reject(cut);
          return;
        }
        // Wait for the replies: a command may run to its end even if the server refused a preparing request.
        const result = { ...exit, stdout: kept.stdout.takeAll(), stderr: kept.stderr.takeAll() };
        begun.then(() => resolve(result), reject);
      },
    };
    feed();
  });
}
