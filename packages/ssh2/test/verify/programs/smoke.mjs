import { createRequire } from "node:module";
import ssh2, { Client } from "ssh2";
import { BaseAgent } from "ssh2/lib/agent.js";

const required = createRequire(import.meta.url)("ssh2");
console.log(ssh2.Client === Client && required.Client === Client && required.BaseAgent === BaseAgent);
await import("./smoke.cjs");
