import { heldBy, patch, type Row, remove } from "./types.ts";

const CONFIG = "config/test/attacks";
const NODE = "node/test/config/attacks";

/** Attacks through ssh_config, and through names that reach its commands. */
export const CONFIG_ROWS: readonly Row[] = [
  {
    title: "characters of a shell in a typed host or user",
    client: heldBy(
      CONFIG,
      "characters of a shell in a typed host or user · client",
      remove("config-typed-host"),
      remove("config-typed-user"),
    ),
    server: "not touched",
  },
  {
    title: "characters of a shell in a user name after expansion",
    client: heldBy(
      CONFIG,
      "characters of a shell in a user name after expansion · client",
      remove("config-expanded-user"),
    ),
    server: "not touched",
  },
  {
    title: "characters of a shell in a canonical name",
    client: heldBy(CONFIG, "characters of a shell in a canonical name · client", remove("config-canonical-name")),
    server: "not touched",
  },
  {
    title: "an agent that `no` keeps back is forwarded",
    client: heldBy(
      CONFIG,
      "an agent that `no` keeps back is forwarded · client",
      patch("config-agent-not-forwarded", "true"),
    ),
    server: "not touched",
  },
  {
    title: "agent forwarding: while files are copied",
    client: heldBy(
      "cli/test/cp/attacks",
      "agent forwarding: while files are copied · client",
      remove("files-without-agent"),
    ),
    server: "not touched",
  },
  {
    title: "characters of a shell in a jump host",
    client: heldBy(CONFIG, "characters of a shell in a jump host · client", remove("config-jump-names")),
    server: "not touched",
  },
  {
    title: "an Include of itself",
    client: heldBy(CONFIG, "an Include of itself · client", remove("config-include-depth"), remove("config-files")),
    server: "not touched",
  },
  {
    title: "an endless configuration",
    client: heldBy(
      CONFIG,
      "an endless configuration · client",
      remove("config-file-size"),
      remove("config-lines"),
      patch("config-patterns", "return false;"),
      patch("config-values", "return undefined;"),
    ),
    server: "not touched",
  },
  {
    title: "a pattern that matches slowly",
    client: heldBy(
      CONFIG,
      "a pattern that matches slowly · client",
      patch("linear-match", 'return new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(text);'),
    ),
    server: "not touched",
  },
  {
    title: "a file that others can write",
    client: heldBy(
      CONFIG,
      "a file that others can write · client",
      remove("config-owner"),
      patch("config-include-checked", "false"),
      remove("config-include-owner"),
    ),
    server: "not touched",
  },
  {
    title: "a command in files that others can write",
    client: heldBy(
      NODE,
      "a command in files that others can write · client",
      remove("config-commands-off"),
      remove("config-commands-named"),
      remove("config-commands-exposed"),
      remove("owned-links"),
      remove("config-file-owner"),
    ),
    server: "not touched",
  },
  {
    title: "a login name from code with characters of a shell",
    client: heldBy(
      NODE,
      "a login name from code with characters of a shell · client",
      remove("config-code-user"),
      remove("config-resolved-user"),
    ),
    server: "not touched",
  },
  {
    title: "a configuration of binary data",
    client: heldBy(
      NODE,
      "a configuration of binary data · client",
      remove("config-regular"),
      remove("config-file-bytes"),
    ),
    server: "not touched",
  },
  {
    title: "a command that outlives its configuration",
    client: heldBy(NODE, "a command that outlives its configuration · client", remove("command-group")),
    server: "not touched",
  },
  {
    title: "jump hosts in a circle, and thousands of them",
    client: heldBy(
      NODE,
      "jump hosts in a circle, and thousands of them · client",
      remove("config-jump-loop"),
      remove("config-jump-count"),
    ),
    server: "not touched",
  },
  {
    title: "a keyword that would make a connection safer",
    client: heldBy(
      NODE,
      "a keyword that would make a connection safer · client",
      remove("config-never-weaker"),
      remove("config-strict-host-key"),
      patch("config-known-hosts-none", "files: listed(values.globalKnownHostsFile)"),
    ),
    server: "not touched",
  },
];
