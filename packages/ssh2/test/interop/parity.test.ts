import { join } from "node:path";
import type { Peers } from "../parity/case.ts";
import { casesIn, declareCases } from "../parity/suite.ts";
import { type OpenSsh, useOpenSsh } from "./openssh.ts";

const openssh = useOpenSsh();
declareCases(await casesIn<Peers & { readonly openssh: OpenSsh }>(join(import.meta.dirname, "cases")), () => ({
  openssh: openssh(),
}));
