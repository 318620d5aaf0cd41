import type { Readable } from "node:stream";
import { describeStreamKind } from "@nacre/testing/nacre/stream-kind";
import { nodeStreams } from "../src/node-streams.ts";

describeStreamKind(nodeStreams, {
  read,
  cancel: (stream) => stream.destroy(),
  write: (stream, chunk) =>
    new Promise<void>((resolve, reject) => {
      stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    }),
  end: (stream) =>
    new Promise<void>((resolve, reject) => {
      stream.once("error", reject);
      stream.end(resolve);
      stream.once("close", resolve);
    }),
  abort: (stream) => stream.destroy(),
  halves: (pair) => ({ readable: pair, writable: pair }),
  giveUp: (pair) => pair.destroy(),
});

/** Reads with events, because iterating would destroy a Node `Duplex` at the end of one direction. */
function read(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    if (stream.errored !== null) reject(stream.errored);
    let all = "";
    stream.on("data", (chunk: Uint8Array) => (all += new TextDecoder().decode(chunk)));
    stream.on("end", () => resolve(all));
    stream.on("error", reject);
  });
}
