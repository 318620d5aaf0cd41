import type { LocalWriter } from "@nacre/files";
import { writing } from "./failures.ts";
import type { NewFile } from "./new-file.ts";

/** Returns a writer that makes the contents visible when it is closed. */
export function newFileWriter(path: string, file: NewFile): LocalWriter {
  let hasFailed = false;
  return {
    write: (pieces, position) =>
      writing(path, async () => {
        try {
          await file.write(pieces, position);
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      }),
    setAttributes: () => Promise.resolve(),
    // An error of `write` must not be followed by another one.
    close: () => writing(path, () => (hasFailed ? file.discard() : file.commit())),
  };
}
