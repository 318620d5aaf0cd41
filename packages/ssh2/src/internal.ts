import * as entry from "./index.ts";

/** What the files of `lib` export, by their names. They are not part of the API. */
export const internal: Readonly<Record<string, unknown>> = { index: entry };
