// Installs the programs that the tests with OpenSSH need, and makes the image of their container, as `npm test` does beside its checks.

import { findContainerEngine } from "../openssh/container-engine.ts";
import { ensureImage } from "../openssh/image.ts";
import { ensurePrograms, OPENSSH } from "./install.ts";

await ensurePrograms(OPENSSH);
// Without a container, the tests use a plain sshd, and say so.
if (process.env["NACRE_OPENSSH_PLAIN"] !== "1")
  await findContainerEngine()
    .then(ensureImage)
    .catch((error: unknown) => console.error(String(error)));
