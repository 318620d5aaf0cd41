// A separate entry point, so that pages without transfers do not load this code.

export { chosenEntries } from "./chosen-entries.ts";
export { directoryFiles } from "./directory-files.ts";
export { droppedEntries } from "./dropped-entries.ts";
export type { LocalEntry } from "./local-entry.ts";
export { canSaveDirectories, saveDirectory } from "./save-directory.ts";
export { type SaveFileOptions, saveFile } from "./save-file.ts";
