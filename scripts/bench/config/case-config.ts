import { type AlgorithmList, answerQuestions, type ConfigAnswers, resolveConfig } from "@nacre/config";
import { sha1 } from "@noble/hashes/legacy.js";
import type { Case, Sample } from "../bench.ts";
import { spread } from "../measure/table.ts";

const FILES = 20;
const BLOCKS = 1000;
/** Lines of a block. */
const LINES = [
  "HostName 10.0.%.1",
  "User user%",
  "Port 22",
  "IdentityFile ~/.ssh/id_%",
  "ProxyJump bastion%",
  "ForwardAgent no",
  "ServerAliveInterval 30",
  "LocalForward 8080 app%:80",
  "SendEnv LANG LC_*",
];
const WARM = 30;
const TIMES = 50;

/** Measures reading and resolving a large configuration, with the files in memory. */
export const configCase: Case = {
  name: "config",
  what: `reading and resolving ssh_config: ${BLOCKS} Host blocks, ${BLOCKS * (LINES.length + 1)} lines, in ${FILES} files`,
  async run(bench) {
    const files = bigConfiguration();
    const hosts = ["host1", `host${BLOCKS - 1}`, "other"];
    const samples: Sample[] = [];
    const times = new Map<string, number[]>();
    for (const host of hosts) for (let i = 0; i < WARM; i++) resolve(files, host);
    for (let round = 1; round <= bench.rounds; round++) {
      for (const host of hosts) {
        bench.progress(`config: ${host}: round ${round} of ${bench.rounds}`);
        const began = performance.now();
        for (let i = 0; i < TIMES; i++) resolve(files, host);
        const milliseconds = (performance.now() - began) / TIMES;
        times.set(host, [...(times.get(host) ?? []), milliseconds]);
        samples.push({ client: "nacre", what: host, milliseconds });
      }
    }
    const table = {
      title: `${BLOCKS} Host blocks, ${BLOCKS * (LINES.length + 1)} lines, ${FILES} files in memory, warm process`,
      head: ["host", "ms"],
      rows: [
        ["in the first block", spread(times.get(hosts[0]!) ?? [], 1)],
        ["in the last block", spread(times.get(hosts[1]!) ?? [], 1)],
        ["in no block", spread(times.get(hosts[2]!) ?? [], 1)],
      ],
      notes: ["Every line of every file is read and checked, as in `ssh`, also in blocks that do not match."],
    };
    return { tables: [table], samples };
  },
};

function bigConfiguration(): ReadonlyMap<string, string> {
  const files = new Map([["/config", "Include /include/*\n"]]);
  for (let file = 0; file < FILES; file++) {
    const blocks = Array.from({ length: BLOCKS / FILES }, (_, i) => {
      const number = String((file * BLOCKS) / FILES + i);
      return [`Host host${number} *.net${number}`, ...LINES.map((line) => `  ${line.replace("%", number)}`)].join("\n");
    });
    files.set(`/include/${String(file).padStart(2, "0")}`, `${blocks.join("\n")}\n`);
  }
  return files;
}

const NAMES: AlgorithmList = { known: ["ssh-ed25519"], default: ["ssh-ed25519"] };

function resolve(files: ReadonlyMap<string, string>, host: string): void {
  const answers: ConfigAnswers = {
    file: ({ path }) => ({ text: files.get(path)! }),
    glob: () => [...files.keys()].slice(1),
    command: () => 1,
    addresses: () => [],
    lookup: () => undefined,
    exists: () => false,
  };
  const { values } = answerQuestions(
    resolveConfig({
      host,
      files: [{ path: "/config", kind: "user" }],
      algorithms: { ciphers: NAMES, macs: NAMES, kex: NAMES, keys: NAMES, caSignatures: NAMES },
      version: "OpenSSH_10.5p1",
      local: {
        user: "me",
        uid: 1000,
        home: "/home/me",
        hostname: "here",
        environment: () => undefined,
        homeOf: () => undefined,
        service: () => undefined,
        sha1,
      },
    }),
    answers,
  );
  if (values.hostName === "") throw new Error("no host name");
}
