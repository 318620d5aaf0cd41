import type { Readable } from "node:stream";

/**
 * Resolves with the first line of a stream, without its end, however it is cut into chunks. The stream flows on. Rejects if it ends before.
 */
export function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const receive = (chunk: Buffer): void => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end < 0) return;
      stream.off("data", receive);
      resolve(text.slice(0, end).trimEnd());
    };
    stream.on("data", receive);
    stream.once("end", () => reject(new Error(`the output ended before its first line: ${JSON.stringify(text)}`)));
  });
}
