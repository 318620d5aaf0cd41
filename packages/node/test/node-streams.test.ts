import type { Readable, Writable } from "node:stream";
import { describeStreamKind } from "@nacre/testing/nacre/streams/stream-kind";
import type { StreamKind } from "nacre";
import { type NodeStreams, nodeStreams } from "../src/streams/node-streams.ts";

/** These tests look at callbacks. Without a listener, the errors would also be uncaught exceptions. */
const listenedTo: StreamKind<NodeStreams> = {
  readable: (...values) => listened(nodeStreams.readable(...values)),
  writable: (...values) => listened(nodeStreams.writable(...values)),
  pair: (...values) => listened(nodeStreams.pair(...values)),
};

function listened<E extends { readonly stream: Readable | Writable }>(end: E): E {
  end.stream.on("error", () => {});
  return end;
}

describeStreamKind(listenedTo, {
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
