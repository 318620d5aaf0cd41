import type { Case } from "../case.ts";

export const cases: readonly Case[] = [
  {
    name: "has the members of ssh2's entry",
    section: "entry",
    async run(ssh2, record) {
      record(
        "members",
        Object.keys(ssh2)
          .filter((name) => name !== "default")
          .sort(),
      );
      record("utils", Object.keys(ssh2.utils).sort(), Object.keys(ssh2.utils.sftp).sort());
      record("constants", ssh2.utils.sftp.OPEN_MODE, ssh2.utils.sftp.STATUS_CODE);
    },
  },
];
