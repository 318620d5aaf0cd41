import { text } from "node:stream/consumers";
import { describeStreamKind } from "@nacre/testing/nacre/stream-kind";
import { nodeStreams } from "../src/node-streams.ts";

describeStreamKind(nodeStreams, {
  read: text,
  cancel: (stream) => stream.destroy(),
  write: (stream, chunk) =>
    new Promise<void>((resolve, reject) => {
      stream.write(chunk, (error) => (error ? reject(error) : resolve()));
    }),
  end: (stream) => new Promise<void>((resolve) => stream.end(resolve)),
  abort: (stream) => stream.destroy(),
});
