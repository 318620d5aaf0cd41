export { downloadScp } from "./scp/download.ts";
export type { ScpOptions } from "./scp/options.ts";
export { uploadScp } from "./scp/upload.ts";
