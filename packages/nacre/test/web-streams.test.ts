import { text } from "@nacre/testing/nacre/outcomes";
import { describeStreamKind } from "@nacre/testing/nacre/stream-kind";
import { webStreams } from "../src/streams/web-streams.ts";

/** Uses a writer for one step. */
async function withWriter<T, R>(
  stream: WritableStream<T>,
  use: (writer: WritableStreamDefaultWriter<T>) => Promise<R>,
): Promise<R> {
  const writer = stream.getWriter();
  writer.closed.catch(() => {});
  const result = use(writer);
  writer.releaseLock();
  return result;
}

describeStreamKind(webStreams, {
  read: text,
  cancel: (stream) => stream.cancel(),
  write: (stream, chunk) => withWriter(stream, (writer) => writer.write(chunk)),
  end: (stream) => stream.close(),
  abort: (stream) => stream.abort(new Error("given up")),
});
