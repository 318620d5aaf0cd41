import base from "/work/wt/build/scripts/config/vitest.config.ts";

for (const p of base.test.projects)
  if (p.test.name === "verify") p.test.globalSetup = ["scripts/config/openssh-setup.ts"];
export default base;
