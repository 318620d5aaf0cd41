// Types of the API of ssh2, for `import { Client } from "ssh2"`, `import ssh2 from "ssh2"` and `import * as ssh2 from "ssh2"`.
export * from "./types/agents";
export * from "./types/algorithms";
export * from "./types/auth-context";
export * from "./types/channel";
export * from "./types/client";
export * from "./types/connect";
export * from "./types/http";
export * from "./types/keys";
export * from "./types/server";
export * from "./types/session";
export * from "./types/sftp";
export * from "./types/terminal";
export * from "./types/utils";
