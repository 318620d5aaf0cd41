export type { ScpLimits } from "@nacre/sftp/scp";
export type { ScpServerLogEvent, ScpServerSettings } from "./scp/server/options.ts";
export { type ScpHandler, scpServer } from "./scp/server/scp-server.ts";
